// Command vcluster starts a real Ganeti cluster of virtual nodes, runs a
// command or an interactive shell inside as on its master, and makes all vanish
// when that ends.
//
//	vcluster [-nodes 3] [-templates diskless,file,sharedfile] [-v] [command argument...]
//
// It needs root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"ganeti-autorepair/integration/vcluster"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run does all and returns the exit code: that of the command, or 1.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("vcluster", flag.ContinueOnError)
	flags.SetOutput(stderr)
	nodes := flags.Int("nodes", 3, "`number` of nodes")
	templates := flags.String("templates", "", "comma-separated `list` of disk templates to enable")
	writable := flags.String("writable", "", "comma-separated `list` of directories that stay writable inside")
	verbose := flags.Bool("v", false, "tell what is done")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	options := vcluster.Options{Nodes: *nodes, Templates: split(*templates), Writable: split(*writable)}
	if *verbose {
		options.Log = stderr
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	startCtx, stopStart := signal.NotifyContext(ctx, os.Interrupt)
	defer stopStart()
	c, err := vcluster.Start(startCtx, options)
	if err != nil {
		fmt.Fprintf(stderr, "vcluster: error: %v\n", err)
		return 1
	}
	defer c.Close()

	command := flags.Args()
	if len(command) == 0 {
		command = []string{"bash", "--norc", "-i"}
	}
	// An interrupt from the terminal, which the command gets as well, is its
	// affair from now on: it is still caught here, but to no effect.
	cmd := c.Command(ctx, c.Master(), command...)
	cmd.Env = append(cmd.Env, `PS1=(\h) \w\$ `)
	if term := os.Getenv("TERM"); term != "" {
		cmd.Env = append(cmd.Env, "TERM="+term)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintf(stderr, "vcluster: error: %s: %v\n", strings.Join(command, " "), err)
		return 1
	}
	return 0
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
