// Command simcluster keeps clusters for use by hand: a real Ganeti master over simulated
// nodes, or real nodes.
//
//	simcluster -dir DIR up [-nodes 6] [-instances 30] [-file DESCRIPTION]
//	simcluster -dir DIR shell [command argument...]
//	simcluster -dir DIR down
//	simcluster real [-nodes 3] [-v] [command argument...]
//
// up returns when the cluster is there; a process in the background plays its
// nodes. Its socket, pid and log are in the directory. When it ends, by down or
// otherwise, everything of the cluster has vanished. All needs root. The form of a
// description is that of package luxitest (text.go there).
//
// real starts a cluster of virtual nodes that Ganeti's own daemons serve, runs the
// command or a shell on its master, and ends the cluster with it.
//
// While the cluster is up these commands change the nodes and tell of them; the
// functions of package nodesim with the same names say what each does.
//
//	power-off NODE, power-on NODE         power; what ran there has ended
//	replace NODE                          a new machine, without volumes
//	unplug NODE, plug NODE                the network; what runs there runs on
//	stop-daemon NODE, start-daemon NODE   the node daemon alone
//	cut NODE NODE, mend NODE NODE         replication between two nodes
//	detach-disks NODE INSTANCE [DISK...]  the disks fail once
//	break-disks NODE INSTANCE [DISK...]   the disks fail for good, until mend-disks
//	lose-volumes NODE INSTANCE [DISK...]  the volumes are gone
//	lose-group NODE GROUP                 the volume group is gone
//	group NODE GROUP MIB [COUNT]          a volume group of that size, on COUNT physical volumes
//	systems NODE [NAME...]                the operating systems of a node
//	split-brain INSTANCE                  each copy gets writes that the other lacks
//	write INSTANCE                        the instance writes, wherever it runs
//	crash INSTANCE                        the instance ends, wherever it runs
//	sync INSTANCE stuck|runs              whether resynchronizations end
//	lose-migrations INSTANCE              the last call to the source loses its answer
//	fault [node=NODE] [call=CALL] [instance=NAME] [times=N] [after] fail=TEXT|hang|drop|delay=TIME
//	heal                                  lifts all faults
//	oob-configure [NODE...]               gives nodes, or all, an out-of-band program
//	oob works|fails|lies|deceives|hangs [NODE]
//	nodes, runs INSTANCE, copies INSTANCE, calls, incidents
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
	case "real":
		return real(words[1:], stdin, stdout, stderr)
	}
	answer, err := ask(full, words)
	fmt.Fprint(stdout, answer)
	return err
}

func socketOf(dir string) string { return filepath.Join(dir, "control") }

// ask sends a command to the cluster's process and returns its output. A command is
// its words, with zero bytes between them, and a newline. The answer is a line "ok" or
// "error: TEXT", and the output.
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
