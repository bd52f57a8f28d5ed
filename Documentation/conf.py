# SPDX-License-Identifier: GPL-2.0
"""Configuration of Sphinx, which `make docs` runs. See tools/vm/verbs/docs.py."""

import re
from pathlib import Path

project = "cmwq2"
# make docs runs Sphinx on a copy of this folder, beside which it puts the header with the version.
version = release = re.search(r'CMWQ2_VERSION\t"([^"]+)"', (Path(__file__).parent / "version.h").read_text())[1]
# A text in single backticks is the title of a section or a word of the glossary.
default_role = "any"
primary_domain = "c"
highlight_language = "none"
# Macros of the kernel that may stand in a prototype.
c_id_attributes = ["__init", "__exit", "__must_check", "noinline", "noinstr", "__always_inline"]
c_paren_attributes = ["__printf"]
html_theme = "alabaster"
html_theme_options = {"page_width": "75em", "sidebar_width": "17em", "description": "workqueues to experiment with"}
html_show_sourcelink = False
html_copy_source = False
# In C a structure and a function may have the same name, but Sphinx keeps both in one list and warns of a duplicate.
suppress_warnings = ["duplicate_declaration.c"]
