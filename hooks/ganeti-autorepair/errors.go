package main

import (
	"errors"
	"fmt"
	"io/fs"

	"ganeti-autorepair/luxi"
)

// Exit codes, as documented.
const (
	exitDone      = 0  // done, or rightly nothing done
	exitFailed    = 1  // something failed that a person must look at
	exitUsage     = 2  // wrong usage or bad settings
	exitStuck     = 3  // nodes --wait: a node does not become empty
	exitTimeout   = 4  // nodes --wait: the time is over
	exitNotMaster = 11 // this node is not the master

	exitConfirmation = 13 // nobody said yes to a question (EXIT_CONFIRMATION in lib/_constants.py)
)

// hintError is an error with an exit code and the command to type next.
type hintError struct {
	code int
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

func usage(err error) error { return &hintError{code: exitUsage, err: err} }

func notMaster(err error) error {
	return &hintError{code: exitNotMaster, err: err, hint: "gnt-cluster getmaster"}
}

// errFailed ends a command whose only error has been printed.
var errFailed = errors.New("failed")

// fail prints an error, if there is one, and returns the exit code for it.
func (e *env) fail(err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errFailed) {
		return exitFailed // told already
	}
	var l *levelError
	if errors.As(err, &l) {
		return int(l.level)
	}
	code, hint := exitFailed, ""
	var h *hintError
	if errors.As(err, &h) {
		code, hint = h.code, h.hint
	}
	var op *luxi.OpError
	switch {
	case e.cli.Run.FromWatcher:
		hint = "" // the watcher's log gets one line
	case hint != "":
	case code == exitUsage:
		hint = e.help
	case errors.As(err, &op) && errors.Is(err, fs.ErrPermission):
		hint = "sudo ganeti-autorepair ..., or as a member of the group gnt-daemons"
	case errors.As(err, &op) && op.Op == "dial":
		hint = "systemctl status ganeti-luxid"
	}
	fmt.Fprintf(e.stderr, "ganeti-autorepair: error: %s\n", oneLine(err.Error()))
	if hint != "" {
		fmt.Fprintf(e.stderr, "ganeti-autorepair: hint: %s\n", hint)
	}
	return code
}
