// Command simcluster keeps a real Ganeti master over simulated nodes for use by
// hand.
//
//	simcluster -dir DIR up [-nodes 6] [-instances 30] [-file DESCRIPTION]
//	simcluster -dir DIR shell [command argument...]
//	simcluster -dir DIR down
//	simcluster -dir DIR power-off NODE | power-on NODE | replace NODE | unplug NODE
//	simcluster -dir DIR fault [node=NODE] [call=CALL] [instance=NAME] [times=N] fail=TEXT | hang | drop | delay=TIME
//	simcluster -dir DIR heal
//	simcluster -dir DIR sync INSTANCE stuck | runs
//	simcluster -dir DIR nodes | calls | incidents
//
// up returns when the cluster is there; a process in the background is its nodes.
// Its socket, pid and log are in the directory. When it ends, by down or
// otherwise, everything of the cluster has vanished. All needs root.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			os.Exit(exit.ExitCode())
		}
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(os.Stderr, "simcluster: error: %v\n", err)
		}
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("simcluster", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "build/simcluster", "`directory` of the cluster's socket, pid and log")
	if err := flags.Parse(args); err != nil {
		return err
	}
	words := flags.Args()
	if len(words) == 0 {
		return errors.New("a command is missing, such as up, shell or down")
	}
	full, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	switch words[0] {
	case "up":
		return up(full, words[1:], stdout, stderr)
	case "serve":
		return serve(full, words[1:])
	case "shell":
		return shell(full, words[1:], stdin, stdout, stderr)
	}
	answer, err := ask(full, words)
	fmt.Fprint(stdout, answer)
	return err
}

func socketOf(dir string) string { return filepath.Join(dir, "control") }

// ask sends a command to the cluster's process and returns the answer. Words end
// with a zero byte each, the command with a newline; the answer is a line "ok" or
// "error: ..." and text.
func ask(dir string, words []string) (string, error) {
	conn, err := net.Dial("unix", socketOf(dir))
	if err != nil {
		return "", fmt.Errorf("no cluster is up in %s: %w", dir, err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.Join(words, "\x00")+"\n"); err != nil {
		return "", err
	}
	data, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	verdict, text, _ := strings.Cut(string(data), "\n")
	if verdict != "ok" {
		return text, errors.New(strings.TrimPrefix(verdict, "error: "))
	}
	return text, nil
}
