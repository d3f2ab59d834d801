// ganeti-autorepair repairs instances that live on offline or drained nodes, as
// far as tags permit. ganeti-watcher runs it through its hook directory.
//
// What users see follows these rules: results go to standard output; notes and
// errors go to standard error, as "ganeti-autorepair: error: ..." in lower case
// without a full stop, with the next command to type as "ganeti-autorepair:
// hint: ..." where there is one.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// version is set by the build.
var version = "0.2.0"

// cli is the command line.
type cli struct {
	Luxi    string           `short:"L" placeholder:"SOCKET" help:"LUXI socket of the master (default: Ganeti's own)."`
	Config  string           `short:"c" placeholder:"FILE" help:"Settings file (default: /etc/ganeti/autorepair.toml)."`
	Version kong.VersionFlag `help:"Show the version and exit."`

	Run        runCmd        `cmd:"" help:"Do one pass: repair what may be repaired now."`
	Status     statusCmd     `cmd:"" help:"Show the instances that are not plainly healthy, and why."`
	Explain    explainCmd    `cmd:"" help:"Explain the state of an instance and the next step of its repair."`
	Nodes      nodesCmd      `cmd:"" help:"Show what drained and offline nodes still have, or wait until they are empty."`
	Rehearse   rehearseCmd   `cmd:"" help:"Tell what would become of the instances of each node if it died."`
	Policy     policyCmd     `cmd:"" help:"Show which repairs are permitted, or permit them."`
	Suspend    suspendCmd    `cmd:"" help:"Let no repair begin or go on."`
	Resume     resumeCmd     `cmd:"" help:"End suspensions."`
	Repair     repairCmd     `cmd:"" help:"Request a repair once, whatever the policy."`
	Ack        ackCmd        `cmd:"" help:"Clear failures that were looked at."`
	Cancel     cancelCmd     `cmd:"" help:"Cancel pending repairs, with their jobs that have not begun."`
	Stop       stopCmd       `cmd:"" help:"Stop all repairs: suspend everything, and take back the jobs that have not begun."`
	Vouch      vouchCmd      `cmd:"" help:"Vouch that offline nodes run nothing any more, in place of the fence."`
	History    historyCmd    `cmd:"" help:"List repairs, past and present, from tags and the job queue."`
	Report     reportCmd     `cmd:"" help:"Write a page for browsers that shows the cluster and its repairs."`
	Check      checkCmd      `cmd:"" help:"Check that auto-repair works and whether anything waits for a person, for Nagios."`
	ListFields listFieldsCmd `cmd:"" help:"List the fields that status and rehearse can show."`
}

func main() {
	// A pass that finds nothing to do ends before its garbage is worth collecting.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(memoryWanted)
	// Writing to a watcher that has died must not kill a pass.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	code := realMain(ctx, os.Args[1:], &env{
		stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now,
		screen: terminalOf(os.Stdout, os.Getenv), newID: newID,
		eventBounds: eventBounds{one: oneEventTime, all: allEventsTime},
		progress:    terminalOf(os.Stderr, os.Getenv).rows > 0,
		messages:    terminalOf(os.Stderr, os.Getenv),
		tty:         openTTY,
	})
	stop()
	os.Exit(code)
}

// memoryWanted is from how much memory on, in bytes, garbage is collected more often.
const memoryWanted = 64 << 20

// realMain runs the program and returns its exit code.
func realMain(ctx context.Context, args []string, e *env) int {
	e.cli = &cli{}
	e.paths = newPaths(e.getenv)
	exited, code := false, 0
	parser, err := kong.New(e.cli,
		kong.Name("ganeti-autorepair"),
		kong.Description("Repairs instances on offline or drained nodes, exactly as far as tags permit."),
		helpTexts, kong.Vars{"version": "ganeti-autorepair " + version},
		kong.Writers(e.stdout, e.stderr),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.Help(printHelp), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: e.screen.helpWidth()}),
	)
	if err != nil {
		return e.fail(usage(err))
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(flagsFirst(parser.Model, args))
	if exited {
		return code
	}
	if err != nil {
		return e.fail(&hintError{code: exitUsage, err: err, hint: helpFor(parser.Model, args)})
	}
	e.help = helpFor(parser.Model, args)
	kctx.BindTo(ctx, (*context.Context)(nil))
	return e.fail(kctx.Run(e))
}

// helpFor returns the command that shows the usage of the command in the arguments.
func helpFor(model *kong.Application, args []string) string {
	for _, arg := range args {
		for _, c := range model.Children {
			if c.Name == arg {
				return "ganeti-autorepair " + arg + " --help"
			}
		}
	}
	return "ganeti-autorepair --help"
}
