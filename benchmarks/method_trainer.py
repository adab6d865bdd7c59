"""Train the methods of the paper's table for the minutes of a cell."""

from pathlib import Path

from cells import folder_name, read_rows
from methods import CIN_GANS, CIN_SCRIPT, METHODS, VGG
from training_time import speed_here, train_at, train_for

from microgan.errors import UserError

JOINT, PER_TASK = "joint", "per_task"
# Columns of a cell that a method's speed may depend on.
_SPEED = ("data", "images", "tasks", "symmetries", "minutes", "machine", "cores")


class MethodTrainer:
    """Trains methods for as many updates as on the table's machine, if that is another.

    Args:
        settings: of `paper_table.py`.
        work: folder of the runs.
        output: table, whose rows show how fast another machine was.
        train: as `cells.train`.
    """

    def __init__(self, settings, work, output, train):
        self.settings = settings
        self.work = work
        self.output = output
        self._train = train

    def train(self, cell, tasks, minutes):
        """Train a cell's method, after the CIN-GAN that it needs.

        Args:
            cell: `paper_table.Cell`.
            tasks: that the network learns.
            minutes: for both; a method may take a multiple.

        Returns:
            The run folders, the method's last.

        Raises:
            UserError: the table's machine is another, and no row shows how fast it was.
        """
        method = METHODS[cell.method]
        minutes *= method.times
        flags, runs = list(method.flags), []
        if method.cin:
            minutes /= 2
            name, cin_flags = f"cin_{method.cin}", CIN_GANS[method.cin]
            speed = None if self._here else self._cin_speed_there(cell, tasks)
            cin = self._train_for(minutes, CIN_SCRIPT, name, cin_flags, cell, tasks, speed)
            flags += ["--cin_augment=True", f"--cin_generator_path={cin / 'generator.h5'}"]
            runs.append(cin)
        name = method.trained_as or cell.method
        speed = None if self._here else self._speed_there(name, cell)
        return [*runs,
                self._train_for(minutes, method.script, name, flags, cell, tasks, speed)]

    @property
    def _here(self):
        return not self.settings.machine

    def _train_for(self, minutes, script, name, flags, cell, tasks, speed):
        """Train for some minutes at a speed, or at that of this machine if it is None."""
        where = self._where(cell, tasks)
        folder = (self.work / f"{minutes:g}_minutes" / folder_name(where, self._symmetries(tasks))
                  / f"pairs{cell.pairs}_seed{cell.seed}" / name)
        flags = self._flags(flags, cell, tasks)
        if speed is None:
            return train_for(minutes, script, folder, flags, times=self._times(cell, tasks, name),
                             train=self._train)
        return train_at(speed, minutes, script, folder, flags, train=self._train)

    def _cin_speed_there(self, cell, tasks):
        """Estimate the seconds per update of a cell's CIN-GAN on the table's machine.

        Rows do not have it. Its speed there relative to here is taken to be that of the
        cGAN of the same recipe; both are timed here.
        """
        recipe = METHODS[cell.method].cin
        cin = self._speed_here(CIN_SCRIPT, f"cin_{recipe}", CIN_GANS[recipe], cell, tasks)
        cgan = self._speed_here(METHODS[recipe].script, recipe, METHODS[recipe].flags, cell, tasks)
        return cin * self._speed_there(recipe, cell) / cgan

    def _speed_here(self, script, name, flags, cell, tasks):
        return speed_here(script, self._flags(flags, cell, tasks),
                          times=self._times(cell, tasks, name), train=self._train)

    def _speed_there(self, name, cell):
        """Return a method's seconds per update on the table's machine, from its rows."""
        name = METHODS[name].as_fast_as or name
        for row in read_rows(self.output):
            if row["method"] == name and row["networks"] == JOINT and all(
                    row[column] == getattr(cell, column) for column in _SPEED):
                share = 0.5 if METHODS[name].cin else 1
                return 60 * share * self.settings.minutes / int(row["num_iters"])
        raise UserError(f"{self.output} has no row of '{name}' on {cell.data}, trained for "
                        f"{cell.minutes} minutes on {cell.cores} core(s) of {cell.machine}, "
                        "from which to take the number of updates. Leave --machine out to time "
                        "it here.")

    def _flags(self, flags, cell, tasks):
        flags = [flag.format(**{VGG.strip("{}"): self.settings.vgg}) for flag in flags]
        flags += [f"--data_dir={Path(self.settings.data_dir).resolve()}", f"--seed={cell.seed}",
                  f"--datasets={','.join(tasks)}", f"--images_limit={cell.pairs}"]
        symmetries = self._symmetries(tasks)
        return flags + ([f"--symmetries={','.join(symmetries)}"] if symmetries else [])

    def _symmetries(self, tasks):
        return [entry for entry in self.settings.symmetries if entry.split(":")[0] in tasks]

    def _where(self, cell, tasks):
        return f"{cell.data}_{'_'.join(tasks)}"

    def _times(self, cell, tasks, name):
        timed = METHODS[name].as_fast_as if name in METHODS else None
        return self.work / "times" / self._where(cell, tasks) / (timed or name)
