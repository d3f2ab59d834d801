package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ganeti-autorepair/integration/simcluster"
)

// server executes the commands of other processes.
type server struct {
	c    *simcluster.Cluster
	down context.CancelFunc

	mu    sync.Mutex // guards lifts
	lifts []func()
}

// control announces that the cluster is ready, and executes commands until one of them
// is "down" or the context ends.
func control(ctx context.Context, dir string, c *simcluster.Cluster) error {
	ctx, down := context.WithCancel(ctx)
	defer down()
	if err := os.Remove(socketOf(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", socketOf(dir))
	if err != nil {
		return err
	}
	defer l.Close()
	pidFile := filepath.Join(dir, "pid")
	if err := os.WriteFile(pidFile, []byte(fmt.Sprintln(os.Getpid())), 0o644); err != nil {
		return err
	}
	defer os.Remove(pidFile)
	fmt.Println("ready")
	s := &server{c: c, down: down}
	var last net.Conn
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if s.answer(conn) {
				last = conn // closed when the cluster has ended, which tells the client
				down()
				return
			}
			conn.Close()
		}
	}()
	<-ctx.Done()
	err = c.Close()
	if last != nil {
		last.Close()
	}
	return err
}

// answer reads and executes one command. It returns true if that was "down".
func (s *server) answer(conn net.Conn) bool {
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return false
	}
	words := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
	text, err := s.obey(words)
	if err != nil {
		fmt.Fprintf(conn, "error: %s\n%s", err, text)
		return false
	}
	fmt.Fprintf(conn, "ok\n%s", text)
	return words[0] == "down"
}

// obey executes a command and returns its output.
func (s *server) obey(words []string) (text string, err error) {
	// The simulator panics if there is no such node.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	switch words[0] {
	case "pid", "down":
		return "", nil
	case "enter":
		cmd := s.c.Command(context.Background(), s.c.Master())
		return strings.Join(cmd.Args, "\x00") + "\n" + strings.Join(cmd.Env, "\n") + "\n", cmd.Err
	}
	c, ok := commands[words[0]]
	if !ok {
		return "", fmt.Errorf("unknown command %q", words[0])
	}
	return c.run(s, words[0], words[1:])
}

// keep remembers what lifts a fault, and heal lifts all faults.
func (s *server) keep(lift func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lifts = append(s.lifts, lift)
}

func (s *server) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lift := range s.lifts {
		lift()
	}
	s.lifts = nil
}
