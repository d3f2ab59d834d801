package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// lookFlags are the flags of commands that read a snapshot, from the cluster or
// from a file.
type lookFlags struct {
	snapshotFlag
	Save string `placeholder:"FILE" help:"Save what was read, without secrets, for a bug report or another look."`
}

// snapshotFlag is the flag of commands that can look at a saved snapshot.
type snapshotFlag struct {
	Snapshot string `placeholder:"FILE" help:"Look at a saved snapshot instead of the cluster."`
}

// open reads the snapshot; from then on it is the time at which it was saved.
func (f snapshotFlag) open(e *env) (*read.Saved, *repair.Snapshot, error) {
	file, err := os.Open(f.Snapshot)
	if err != nil {
		return nil, nil, noSnapshot(err)
	}
	defer file.Close()
	saved, err := read.ReadSaved(file)
	if err != nil {
		return nil, nil, noSnapshot(fmt.Errorf("%s: %w", f.Snapshot, err))
	}
	s, err := saved.Snapshot()
	if err != nil {
		return nil, nil, noSnapshot(fmt.Errorf("%s: %w", f.Snapshot, err))
	}
	e.now = func() time.Time { return s.Time }
	return saved, s, nil
}

// noteUnknown says what a snapshot of an older version does not tell.
func (f snapshotFlag) noteUnknown(e *env, saved *read.Saved) {
	if unknown := saved.Unknown(); unknown != "" {
		e.note("note: %s was saved by an older version, which did not save: %s", f.Snapshot, unknown)
	}
}

// looked is a plan that was made only to be looked at.
type looked struct {
	plan *repair.Plan
	pass *plugin.Pass
	set  settings
	past []read.PastRepair // the repairs that a snapshot tells of
	// Of the cluster as it is, not of snapshots:
	noPass     []string     // why no pass would act now, in sentences
	passes     passTimes    // of this node's memory
	unwritable []unwritable // what passes cannot keep
}

// look makes a plan of the cluster or of a saved snapshot, as it is or under an
// assumption.
func (f lookFlags) look(ctx context.Context, e *env, assume repair.Assumption) (*looked, error) {
	if f.Save != "" && (f.Snapshot != "" || !assume.Empty()) {
		return nil, usage(errors.New("--save goes with neither --snapshot nor an assumption"))
	}
	if f.Snapshot != "" {
		return f.lookBack(e, assume)
	}
	set, err := e.settings()
	if err != nil {
		return nil, err
	}
	if err := e.onMaster(); err != nil {
		return nil, err
	}
	pass := e.pass(set, nil)
	defer pass.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, set.engine.PassTimeout)
	defer cancel()
	l := &looked{pass: pass, set: set, unwritable: e.unwritable(set), passes: e.passTimes(set)}
	l.noPass, err = e.noPass(ctx, pass)
	if err != nil {
		return nil, err
	}
	if f.Save == "" {
		plan, err := pass.Look(ctx, assume)
		if err != nil {
			return nil, err
		}
		if assume.Empty() {
			plan = readLastReasons(e.paths.state()).over(plan).WithSilence(e.silentNodes(set))
		}
		l.plan = plan
		return l, nil
	}
	plan, saved, err := pass.LookAndSave(ctx)
	if err != nil {
		return nil, err
	}
	plan = plan.WithSilence(e.silentNodes(set))
	saved.NoteSilence(plan)
	saved.Program += " " + version
	l.passes = passTimes{} // what is shown is what the file holds
	l.plan = plan
	return l, saveTo(f.Save, saved)
}

// planNow plans as a pass would do now.
func (e *env) planNow(ctx context.Context, set settings) (*repair.Plan, error) {
	pass := e.pass(set, nil)
	defer pass.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, set.engine.PassTimeout)
	defer cancel()
	plan, err := pass.Look(ctx, repair.Assumption{})
	if err != nil {
		return nil, err
	}
	return readLastReasons(e.paths.state()).over(plan), nil
}

// noPass returns why passes do not act at all: the watcher is paused, the queue
// drained, or the hook switched off.
func (e *env) noPass(ctx context.Context, pass *plugin.Pass) ([]string, error) {
	v, err := pass.Client.QueryConfigValues(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the master: %w", err)
	}
	var list []string
	if v.WatcherPause.After(e.now()) {
		list = append(list, fmt.Sprintf("No pass acts: %s.", &plugin.PausedError{Until: v.WatcherPause.Local()}))
	}
	if v.Drained {
		list = append(list, fmt.Sprintf("No pass acts: %s.", plugin.ErrQueueDrained))
	}
	if info, err := os.Stat(e.paths.hook()); err == nil && info.Mode().Perm()&0o111 == 0 {
		list = append(list, fmt.Sprintf("ganeti-watcher runs no pass here: chmod +x %s.", e.paths.hook()))
	}
	return list, nil
}

// lookBack makes a plan of a saved snapshot, at its time and with its settings, or
// else with those of --config.
func (f lookFlags) lookBack(e *env, assume repair.Assumption) (*looked, error) {
	saved, s, err := f.open(e)
	if err != nil {
		return nil, err
	}
	f.noteUnknown(e, saved)
	set := defaultSettings()
	saved.Apply(&set.engine)
	if e.cli.Config != "" {
		if set, err = e.settings(); err != nil {
			return nil, err
		}
	}
	plan, err := saved.Plan(assume, set.engine, e.policyID)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Snapshot, err)
	}
	return &looked{plan: plan, pass: e.pass(set, nil), set: set, past: pastOf(saved, s)}, nil
}

// pastOf returns the repairs that a snapshot tells of.
func pastOf(saved *read.Saved, s *repair.Snapshot) []read.PastRepair {
	if saved.History != nil {
		return saved.History
	}
	return read.HistoryOf(s)
}

// noSnapshot is the error for a file that is no snapshot, with how to get one.
func noSnapshot(err error) error {
	return &hintError{code: exitFailed, err: err, hint: "ganeti-autorepair status --save FILE"}
}

// saveTo writes a snapshot to a temporary file and renames it, so that the file is
// always whole.
func saveTo(path string, saved *read.Saved) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return fmt.Errorf("saving the snapshot: %w", err)
	}
	defer os.Remove(tmp.Name())
	err = saved.Write(tmp)
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("saving the snapshot: %w", err)
	}
	return nil
}
