package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// env is the access of a command to everything outside it: output, environment,
// clock and files. Tests give commands another one.
type env struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	cli            *cli
	paths          paths
	screen         terminal                           // where stdout goes
	newID          func(tagstore.IDKind) string       // ids of new repairs
	help           string                             // the command that tells how the one that runs is used
	tty            func() (io.ReadWriteCloser, error) // opens the terminal that a person is asked on
	progress       bool                               // stderr is a terminal that shows progress
	messages       terminal                           // where stderr goes
	eventBounds    eventBounds                        // on event programs
	// pause waits, or returns false when the context ends first; nil for the clock's own.
	pause func(context.Context, time.Duration) bool
}

// sleep waits, or returns false when the context ends first.
func (e *env) sleep(ctx context.Context, d time.Duration) bool {
	if e.pause != nil {
		return e.pause(ctx, d)
	}
	return sleep(ctx, d)
}

// settingsPath returns the path of the settings file of this run.
func (e *env) settingsPath() string {
	if e.cli.Config != "" {
		return e.cli.Config
	}
	return e.paths.settings()
}

// settings reads the settings file of this run.
func (e *env) settings() (settings, error) {
	set, err := readSettings(e.settingsPath(), e.cli.Config != "")
	if err != nil {
		return set, &hintError{code: exitUsage, err: err, hint: "man ganeti-autorepair.toml"}
	}
	return set, nil
}

func (e *env) client() *luxi.Client {
	socket := e.cli.Luxi
	if socket == "" {
		socket = e.paths.socket()
	}
	return luxi.New(socket, luxi.Options{Now: e.now})
}

// pass makes a pass for this environment.
func (e *env) pass(set settings, log plugin.Logger) *plugin.Pass {
	set.engine.Interval = set.interval
	c := e.client()
	jobs := readJobMemory(e.paths.state())
	return &plugin.Pass{
		Client: c, Settings: set.engine, Now: e.now, NewID: e.policyID, Log: log, Fence: e.fence(set.engine.Fence, c),
		RoomTests: readRoomTests(e.paths.state()), Suspects: jobs.Suspects, TakenBack: jobs.TakenBack, Disks: e.diskFacts(set),
	}
}

// onMaster returns an error unless this node is the master by its own files, as
// only the master has a socket. With --luxi it is for luxid to say.
func (e *env) onMaster() error {
	master := e.paths.localMaster()
	if e.cli.Luxi != "" || repair.SameNode(e.paths.hostname, master) {
		return nil
	}
	if master == "" {
		return notMaster(fmt.Errorf("%w: Ganeti is not set up here", plugin.ErrNotMaster))
	}
	return notMaster(fmt.Errorf("%w: the master is %s, this is %s", plugin.ErrNotMaster, master, e.paths.hostname))
}

func (e *env) note(format string, args ...any) {
	fmt.Fprintf(e.stderr, "ganeti-autorepair: "+format+"\n", args...)
}
