// Package outside runs the programs of administrators: the fence command and the
// programs that are told of events. They run with the rights of root, so nothing
// is run that others could have written; and whatever they do, they can neither
// fill a disk with what they say nor keep this program from going on.
package outside

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// maxOutput is how many bytes of what a program says are kept; the rest is thrown
// away while it is read.
const maxOutput = 4096

// Program is a program with its arguments.
type Program struct {
	Path  string
	Args  []string
	Env   []string // beside PATH and LC_ALL, which are the only ones it has else
	Input []byte   // its standard input
}

// Run runs the program in the directory /, and returns nil if it ends with status
// 0. The error else holds the status and what the program said. When the context
// ends, the program is killed, with all that it started in its process group.
//
// Run never waits for what the program started, and for the program itself no
// longer than the context lasts: what sleeps in the kernel may not even die.
func (p Program) Run(ctx context.Context) error {
	if err := CheckFile(p.Path); err != nil {
		return err
	}
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}, p.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, feed, err := os.Pipe()
	if err != nil {
		return err
	}
	defer feed.Close()
	defer in.Close()
	out, say, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	defer say.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, say, say
	if err := cmd.Start(); err != nil {
		return err
	}
	in.Close()
	say.Close()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = feed.Write(p.Input) // a program may well not read it
		feed.Close()
	}()
	said := collect(out)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = errors.New("killed, as it did not end in time")
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // there may be nobody left
	_ = feed.SetWriteDeadline(time.Unix(1, 0))
	<-fed
	if err == nil {
		said.end()
		return nil
	}
	return statusError(err, said.end())
}

// statusError is an error with the status of a program and what it said.
func statusError(err error, said string) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		err = fmt.Errorf("exit %d", exit.ExitCode())
	}
	if said = shorten(said); said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// maxText bounds what an error tells of what a program said.
const maxText = 200

// shorten puts a text into one line, and keeps the beginning and the end of a long
// one: the end is where programs put the cause.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxText {
		return s
	}
	half := (maxText - 5) / 2
	return s[:half] + " ... " + s[len(s)-half:]
}

// output is the beginning of what comes out of a pipe.
type output struct {
	pipe *os.File
	done chan struct{}
	kept []byte
}

// collect reads a pipe until end is called.
func collect(pipe *os.File) *output {
	o := &output{pipe: pipe, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		buf := make([]byte, 4096)
		for {
			n, err := pipe.Read(buf)
			o.keep(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	return o
}

func (o *output) keep(data []byte) {
	if room := maxOutput - len(o.kept); len(data) > room {
		data = data[:room]
	}
	o.kept = append(o.kept, data...)
}

// end reads what is in the pipe now, without waiting for more: somebody may still
// have it open who never says anything. It returns all that was kept.
func (o *output) end() string {
	_ = o.pipe.SetReadDeadline(time.Unix(1, 0))
	<-o.done
	_ = o.pipe.SetReadDeadline(time.Time{})
	if raw, err := o.pipe.SyscallConn(); err == nil {
		buf := make([]byte, maxOutput)
		_ = raw.Read(func(fd uintptr) bool {
			if n, err := syscall.Read(int(fd), buf); err == nil && n > 0 {
				o.keep(buf[:n])
			}
			return true
		})
	}
	return string(o.kept)
}
