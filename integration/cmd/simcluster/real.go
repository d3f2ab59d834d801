package main

import (
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"ganeti-autorepair/integration/vcluster"
)

// real starts a cluster of real nodes, runs a command or a shell on its master, and
// ends the cluster with it.
func real(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("real", flag.ContinueOnError)
	flags.SetOutput(stderr)
	nodes := flags.Int("nodes", 3, "`number` of nodes")
	verbose := flags.Bool("v", false, "tell what is done")
	if err := flags.Parse(args); err != nil {
		return err
	}
	options := vcluster.Options{Nodes: *nodes}
	if *verbose {
		options.Log = stderr
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// An interrupt from the terminal ends the start. Later the command gets it, too, and
	// decides what it means: here it is still caught, to no effect.
	startCtx, stopStart := signal.NotifyContext(ctx, os.Interrupt)
	defer stopStart()
	c, err := vcluster.Start(startCtx, options)
	if err != nil {
		return err
	}
	defer c.Close()
	return interactive(c.Command(ctx, c.Master()), flags.Args(), stdin, stdout, stderr)
}

// interactive runs a command, or a shell if there is none, at the end of another
// command, which is the way in.
func interactive(way *exec.Cmd, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(command) == 0 {
		command = []string{"bash", "--norc", "-i"}
	}
	way.Args = append(way.Args, command...)
	way.Env = append(way.Env, `PS1=(\h) \w\$ `, "TERM="+os.Getenv("TERM"))
	way.Dir = "/"
	way.Stdin, way.Stdout, way.Stderr = stdin, stdout, stderr
	return way.Run()
}
