package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"ganeti-autorepair/integration/simcluster"
	"ganeti-autorepair/integration/vcluster"
)

// up starts the process that serves the cluster and waits until it is ready.
func up(dir string, args []string, stdout, stderr io.Writer) error {
	if _, err := ask(dir, []string{"pid"}); err == nil {
		return errors.New("a cluster is up already; end it with down")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"-dir", dir, "serve"}, args...)...)
	cmd.Stderr = logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	ready, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	text, err := bufio.NewReader(ready).ReadString('\n')
	if err != nil || text != "ready\n" {
		_ = cmd.Wait()
		data, _ := os.ReadFile(logFile.Name())
		return fmt.Errorf("the cluster did not start:\n%s", strings.TrimSpace(string(data)))
	}
	answer, err := ask(dir, []string{"nodes"})
	fmt.Fprint(stdout, answer)
	return err
}

// serve is the process that up starts. It runs the cluster until it is told to end.
func serve(dir string, args []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	nodes := flags.Int("nodes", 6, "`number` of nodes")
	instances := flags.Int("instances", 30, "`number` of instances")
	file := flags.String("file", "", "`file` that describes the cluster")
	if err := flags.Parse(args); err != nil {
		return err
	}
	text := describe(*nodes, *instances)
	if *file != "" {
		data, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		text = string(data)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	c, err := simcluster.Start(ctx, vcluster.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Load(ctx, text); err != nil {
		return err
	}
	return control(ctx, dir, c)
}

// describe returns the description of a cluster with nodes n1, n2, ... and with
// instances of the usual templates, spread over the nodes.
func describe(nodes, instances int) string {
	var b strings.Builder
	b.WriteString("group default\n")
	for n := 1; n <= nodes; n++ {
		fmt.Fprintf(&b, "node n%d mem=65536 disk=1048576\n", n)
	}
	kinds := []string{"drbd", "drbd", "rbd", "drbd", "plain", "sharedfile"}
	for k := 0; k < instances; k++ {
		primary, secondary := k%nodes+1, (k+1+k/nodes%(maxInt(nodes-1, 1)))%nodes+1
		template := kinds[k/nodes%len(kinds)]
		on := fmt.Sprintf("n%d", primary)
		if template == "drbd" && nodes > 1 {
			if secondary == primary {
				secondary = primary%nodes + 1
			}
			on += fmt.Sprintf(",n%d", secondary)
		} else if template == "drbd" {
			template = "plain"
		}
		fmt.Fprintf(&b, "instance i%d nodes=%s template=%s hypervisor=kvm\n", k+1, on, template)
	}
	return b.String()
}

func maxInt(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// shell runs a command, or a shell, on the cluster's master.
func shell(dir string, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	answer, err := ask(dir, []string{"enter"})
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
	argv, env := strings.Split(lines[0], "\x00"), lines[1:]
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	return interactive(cmd, args, stdin, stdout, stderr)
}
