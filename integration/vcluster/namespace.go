package vcluster

import (
	"bufio"
	"bytes"
	_ "embed" // for init.sh
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

//go:embed init.sh
var initScript string

// namespace is a set of Linux namespaces, held by its first process.
type namespace struct {
	pid  int
	stop chan struct{} // closed by close
	once sync.Once
	done chan struct{} // closed when all is gone
	err  error         // why it could not be ended; valid after done
}

// lockedBuffer collects what the namespace's first process says on stderr.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.buf.String())
}

// newNamespace starts the namespaces of a cluster.
func newNamespace(o Options) (*namespace, error) {
	ns := &namespace{stop: make(chan struct{}), done: make(chan struct{})}
	ready := make(chan error, 1)
	go ns.run(ready, append([]string{strconv.Itoa(o.Nodes), strconv.FormatBool(o.Authorities)}, o.Writable...))
	if err := <-ready; err != nil {
		<-ns.done
		return nil, err
	}
	return ns, nil
}

// run starts the first process, tells ready how that went, and ends it when
// close is called. It keeps its thread for all that time, for the kernel takes
// the end of the thread that started a process for the death of its parent.
func (ns *namespace) run(ready chan<- error, args []string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(ns.done)

	var stderr lockedBuffer
	// bash reads the script from its standard input, then waits for the end of
	// that.
	cmd := exec.Command("/bin/bash", append([]string{"-s", "--"}, args...)...)
	cmd.Args[0] = "vcluster-init"
	cmd.Env = environment()
	cmd.Dir = "/"
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig: syscall.SIGKILL,
		// Not in the caller's process group: a Ctrl-C there is the caller's
		// affair, and it may want to look at the cluster before it ends it.
		Setpgid: true,
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		ready <- fmt.Errorf("vcluster: %w", err)
		return
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		ready <- fmt.Errorf("vcluster: %w", err)
		return
	}
	if err := cmd.Start(); err != nil {
		ready <- fmt.Errorf("vcluster: make namespaces (root is needed): %w", err)
		return
	}
	ns.pid = cmd.Process.Pid

	// If this fails then so does the next read.
	_, _ = io.WriteString(stdin, initScript)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil && line == "ready\n" {
		ready <- nil
		// The process is not waited for before: as long as it is a zombie its
		// pid cannot come to mean another process, into whose namespaces a
		// command would then go.
		<-ns.stop
		ns.err = ns.end(cmd, stdin)
		return
	}
	endErr := ns.end(cmd, stdin)
	err = fmt.Errorf("vcluster: prepare namespaces: %s", stderr.String())
	if endErr != nil {
		err = fmt.Errorf("%w; %v", err, endErr)
	}
	ready <- err
}

// end kills the first process and waits for the end of all others.
func (ns *namespace) end(cmd *exec.Cmd, stdin io.Closer) error {
	stdin.Close()
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("vcluster: end namespaces: %w", err)
	}
	// The kernel lets the first process of a PID namespace end last.
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("vcluster: end namespaces: %w", err)
	}
	return nil
}

// close ends the namespaces and all within. It may be called repeatedly and
// concurrently.
func (ns *namespace) close() error {
	ns.once.Do(func() { close(ns.stop) })
	<-ns.done
	return ns.err
}

// root returns the path at which the outside sees the namespaces' /.
func (ns *namespace) root() string {
	return "/proc/" + strconv.Itoa(ns.pid) + "/root"
}
