package vcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// searchPath is what Debian's /etc/cron.d/ganeti gives the watcher.
const searchPath = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

// environment returns the environment of all programs inside, save for what
// tells them on which node they are. It is independent of the caller's.
func environment() []string {
	return []string{
		"PATH=" + searchPath,
		"HOME=/srv/root",
		"USER=root",
		"LOGNAME=root",
		"SHELL=/bin/sh",
		"LC_ALL=C.UTF-8",
		"TMPDIR=" + tempDir,
	}
}

// CommandError is the error of a command that was run inside and failed.
type CommandError struct {
	Node   string   // "" if it was none's
	Args   []string // the command
	Stdout string
	Stderr string
	Err    error // an *exec.ExitError, the context's error, ...
}

// Error returns the command, what became of it and all its output.
func (e *CommandError) Error() string {
	var b strings.Builder
	if e.Node != "" {
		fmt.Fprintf(&b, "%s: ", e.Node)
	}
	fmt.Fprintf(&b, "%s: %v", strings.Join(e.Args, " "), e.Err)
	for _, out := range []string{e.Stdout, e.Stderr} {
		if out = strings.TrimSpace(out); out != "" {
			b.WriteString("\n" + out)
		}
	}
	return b.String()
}

// Unwrap returns the underlying error.
func (e *CommandError) Unwrap() error { return e.Err }

// ExitCode returns the command's exit code, -1 if it has none.
func (e *CommandError) ExitCode() int {
	var exit *exec.ExitError
	if errors.As(e.Err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// Command returns a command that runs inside as on the named node, or, if node
// is "", without the variables that make a node. Its environment does not
// depend on the caller's; append to its Env field to change it. Its directory
// is /, and Dir has no effect. If its process is killed, which cancelling ctx
// does, then so is the program inside, but not what that has started.
//
// After Close, and after the death of the cluster, the command fails.
func (c *Cluster) Command(ctx context.Context, node string, args ...string) *exec.Cmd {
	// setpriv: killing nsenter must not leave the program running.
	argv := append([]string{
		"--target", strconv.Itoa(c.ns.pid), "--mount", "--uts", "--ipc", "--net", "--pid",
		"--", "setpriv", "--pdeathsig", "KILL", "--",
	}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", argv...)
	if cmd.Err == nil && c.isClosed() {
		cmd.Err = errClosed
	}
	cmd.Env = c.environment(node)
	cmd.Dir = "/"
	return cmd
}

// environment returns the environment of programs on the node.
func (c *Cluster) environment(node string) []string {
	env := environment()
	if node != "" {
		env = append(env, "GANETI_ROOTDIR="+c.Root(node), "GANETI_HOSTNAME="+node)
	}
	return env
}

// Run runs a command inside as on the named node (see Command) and returns its
// standard output. A command that fails, or that ctx ends, gives a
// *CommandError. Ending it ends its whole process group.
func (c *Cluster) Run(ctx context.Context, node string, args ...string) (string, error) {
	return c.run(ctx, node, nil, args...)
}

// run is Run with a standard input.
func (c *Cluster) run(ctx context.Context, node string, stdin io.Reader, args ...string) (string, error) {
	stdout, stderr, err := c.output(ctx, node, stdin, args...)
	if err != nil {
		return stdout, &CommandError{Node: node, Args: args, Stdout: stdout, Stderr: stderr, Err: err}
	}
	return stdout, nil
}

// output runs a command and returns what it wrote.
func (c *Cluster) output(ctx context.Context, node string, stdin io.Reader, args ...string) (string, string, error) {
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	if !c.enter() {
		return "", "", errClosed
	}
	defer c.leave()
	began := time.Now()

	// Not CommandContext: it would kill one process only, and then wait for
	// the others to close their output.
	cmd := c.Command(context.Background(), node, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdin = stdin
	stdout, err := c.tempFile()
	if err != nil {
		return "", "", err
	}
	defer stdout.Close()
	stderr, err := c.tempFile()
	if err != nil {
		return "", "", err
	}
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr

	if err = cmd.Start(); err == nil {
		err = wait(ctx, cmd)
	}
	c.logf("%s: %s (%v)", node, strings.Join(args, " "), time.Since(began).Round(time.Millisecond))
	outText, readErr := content(stdout)
	if err == nil {
		err = readErr
	}
	errText, readErr := content(stderr)
	if err == nil {
		err = readErr
	}
	return outText, errText, err
}

// tempFile returns a file without a name on the cluster's own tmpfs. Output
// goes there and not to a pipe, because daemons that a command starts may keep
// it open.
func (c *Cluster) tempFile() (*os.File, error) {
	f, err := os.CreateTemp(c.HostPath(tempDir), "output")
	if err != nil {
		return nil, fmt.Errorf("capture output: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("capture output: %w", err)
	}
	return f, nil
}

// content returns all that was written to the file.
func content(f *os.File) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read output: %w", err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return "", fmt.Errorf("read output: %w", err)
	}
	return string(data), nil
}

// wait waits for the command and kills its process group if ctx ends first.
func wait(ctx context.Context, cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		// Until Wait returns, the pid is ours.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
		return ctx.Err()
	}
}

// lines returns the non-empty lines of a command's output.
func lines(out string) []string {
	var all []string
	for _, l := range strings.Split(out, "\n") {
		if l != "" {
			all = append(all, l)
		}
	}
	return all
}
