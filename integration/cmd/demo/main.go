// demo tells the story of a bad day of a Ganeti cluster that has
// ganeti-autorepair: what the administrator does, what each pass does about it,
// and why. It ends with an error if anything goes otherwise than told.
//
// By default the cluster is a simulated master, which needs neither root nor
// Ganeti. With -real it is a virtual cluster of the real Ganeti, whose watcher
// starts each pass through the hook of the Debian package.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	program := flag.String("program", "build/ganeti-autorepair", "the `file` of the program")
	hook := flag.String("hook", "hooks/watcher/ganeti-autorepair", "the `file` of the watcher's hook")
	genuine := flag.Bool("real", false, "use a virtual cluster of the real Ganeti; needs root")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "demo: error: it takes no arguments; see -help")
		os.Exit(exitUsage)
	}
	// SIGPIPE comes when nobody reads on.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	err := run(ctx, *program, *hook, *genuine)
	stop()
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "\ndemo: interrupted; everything was removed")
		os.Exit(exitInterrupted)
	case err != nil:
		fmt.Fprintf(os.Stderr, "\ndemo: error: %s\n", err)
		os.Exit(exitFailed)
	}
}

// run tells the story on a cluster made for it.
func run(ctx context.Context, program, hook string, genuine bool) (err error) {
	if program, err = filepath.Abs(program); err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("%w; make builds it", err)
	}
	c, err := newCluster(ctx, program, hook, genuine)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	defer func() {
		if closeErr := c.Close(); closeErr != nil && (err == nil || ctx.Err() != nil) {
			err = fmt.Errorf("removing the cluster: %w", closeErr)
		}
	}()
	s := newStage(ctx, c, os.Stdout)
	s.tell()
	s.close()
	if ctx.Err() != nil {
		return ctx.Err() // whatever failed by that
	}
	return s.err
}

func newCluster(ctx context.Context, program, hook string, genuine bool) (cluster, error) {
	if !genuine {
		return newSimulated(program)
	}
	script, err := os.ReadFile(hook)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("a virtual cluster needs root; the simulated one does not: make demo")
	}
	fmt.Println("Starting a virtual cluster; that takes a while.")
	return newVirtual(ctx, program, string(script))
}
