#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of fit.py: parameters are found again, they are two for each machine, and a fitted row is not predicted."""

import dataclasses
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from saturation import counts, fit, formula, published

KNOWN = published.read()


def model(known: published.Published = KNOWN) -> fit.Model:
    return fit.Model(counts.read(), known)


def made_up(machine: formula.Machine) -> published.Published:
    """Return the published tables with figures that the model itself says of @machine."""
    real = model()

    def row(old: published.Row) -> published.Row:
        said = real.figures(old, machine)
        return dataclasses.replace(old, rate=said[fit.RATE], low=None, high=None, gain=said.get(fit.GAIN),
                                   p50_ns=said.get(fit.CALL))
    return dataclasses.replace(KNOWN, rows=[row(each) for each in KNOWN.rows])


class Fit(unittest.TestCase):
    def test_found_again(self) -> None:
        """From figures that the model has made, the fit finds the parameters, and then predicts all other figures."""
        for transfer, wakeup in ((80, 400), (15, 3000), (200, 50)):
            other = model(made_up(formula.Machine(transfer, wakeup)))
            for each in other.fits():
                if len(each.free) < 2:
                    continue
                self.assertAlmostEqual(each.parameters.transfer / transfer, 1, delta=0.01)
                self.assertAlmostEqual(each.parameters.wakeup / wakeup, 1, delta=0.01)
                for one in other.compare(each):
                    self.assertAlmostEqual(one.predicted, one.measured, delta=0.01 * abs(one.measured) + 0.1)

    def test_without_a_gain(self) -> None:
        """A row without a gain determines the transfer only."""
        other = model(made_up(formula.Machine(80, 0)))
        each = next(each for each in other.fits() if each.machine.name == "8321hc")
        self.assertEqual((each.free, each.parameters.wakeup), ((fit.RATE,), 0))
        self.assertAlmostEqual(each.parameters.transfer / 80, 1, delta=0.001)

    def test_two_parameters(self) -> None:
        """A machine has two parameters. Whatever else the model needs is the same for all machines."""
        fits = model().fits()
        self.assertEqual(len(fits), len(KNOWN.machines))
        self.assertEqual({each.name for each in dataclasses.fields(formula.Machine)},
                         {"transfer", "wakeup", "instruction"})
        self.assertEqual({each.parameters.instruction for each in fits}, {formula.INSTRUCTION_NS})

    def test_row_to_fit(self) -> None:
        """The row to fit follows from the scope and from the figures that a table has, and not from the result."""
        for machine in KNOWN.machines:
            row = model().chosen(machine)
            self.assertEqual(row.scope, "cache")
            with_gain = any(each.gain is not None for each in KNOWN.of_machine(machine))
            self.assertEqual(row.gain is not None, with_gain)
        turned = made_up(formula.Machine(1, 1))
        self.assertEqual([str(model(turned).chosen(machine)) for machine in KNOWN.machines],
                         [str(model().chosen(machine)) for machine in KNOWN.machines])


class Predicted(unittest.TestCase):
    def test_fitted_row_does_not_count(self) -> None:
        """No figure of the fitted row is among the predicted ones, and all others are."""
        real = model()
        for machine in KNOWN.machines:
            for each in real.every_fit(machine):
                compared = real.compare(each)
                counted = fit.predicted(compared)
                self.assertNotIn(each.row, [one.row for one in counted])
                of_row = [one for one in compared if one.row == each.row]
                self.assertTrue(of_row)
                self.assertEqual(len(counted), len(compared) - len(of_row))
                # This would be the best prediction of all if it counted.
                self.assertTrue(all(one.good for one in of_row if one.figure == fit.RATE and each.parameters.transfer))

    def test_repeats(self) -> None:
        """A row with the configuration of the fitted row is a repeat: it gets the same prediction."""
        real = model()
        for each in real.fits():
            compared = [one for one in real.compare(each) if one.figure == fit.RATE]
            fitted = next(one for one in compared if one.fitted)
            self.assertFalse(fitted.repeats)
            for one in compared:
                self.assertTrue(not one.repeats or one.predicted == fitted.predicted)
        repeats = [str(one.row) for each in real.fits() for one in real.compare(each)
                   if one.repeats and one.figure == fit.RATE]
        self.assertEqual(repeats, [f"{table}, {scope}" for table, scopes in (
            ("vm v2", ("cache_shard", "numa", "system")), ("grace v2", ("cache_shard", "numa", "system")),
            ("8321hc rfc", ("numa", "system"))) for scope in scopes])

    def test_goals_need_a_prediction(self) -> None:
        """A goal is not reached by fitted figures alone: without other rows there is nothing to compare."""
        for machine in KNOWN.machines:
            row = model().chosen(machine)
            alone = model(dataclasses.replace(KNOWN, rows=[row]))
            self.assertEqual([goal.reached for goal in fit.goals(alone, alone.fit(machine, row))], [None, None])
        grace = next(each for each in model().fits() if each.machine.name == "grace")
        rows = [row for row in KNOWN.rows if row.table == grace.row.table]
        measured = fit.goals(model(), grace)[1].measured
        shared = [row.gain for row in rows if row.pools == 1 and row != grace.row and row.gain]
        self.assertAlmostEqual(measured or 0, sum(shared) / len(shared))

    def test_errors(self) -> None:
        """An error is a part of the published figure or of the nearer end of its range; 30 % is still good."""
        def compared(predicted: float, low: float = 100, high: float = 100) -> fit.Compared:
            return fit.Compared(KNOWN.rows[0], fit.RATE, 100, predicted, False, True, False, low, high)
        for predicted, error, good in ((130, 0.3, True), (131, 0.31, False), (70, -0.3, True), (69, -0.31, False)):
            self.assertAlmostEqual(compared(predicted).error, error)
            self.assertEqual(compared(predicted).good, good)
        self.assertEqual(compared(108, 90, 110).error, 0)
        self.assertAlmostEqual(compared(121, 90, 110).error, 0.1)
        self.assertAlmostEqual(fit.median_error([compared(50), compared(200), compared(100)]), 1)

    def test_model_that_is_wrong(self) -> None:
        """Figures that the model cannot have made are called wrong: here a pool is slower the more pools there are."""
        def slower(row: published.Row) -> published.Row:
            return dataclasses.replace(row, rate=row.rate / row.pools ** 2, low=None, high=None)
        other = model(dataclasses.replace(KNOWN, rows=[slower(row) for row in KNOWN.rows]))
        goals = [goal for each in other.fits() for goal in fit.goals(other, each) if goal.what == fit.RATIO_GOAL]
        self.assertEqual([goal.reached for goal in goals], [False] * 4)


if __name__ == "__main__":
    unittest.main()
