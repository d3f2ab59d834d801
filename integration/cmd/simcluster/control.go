package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/simcluster"
)

// server obeys what other processes ask for.
type server struct {
	c    *simcluster.Cluster
	down context.CancelFunc

	mu    sync.Mutex // guards lifts
	lifts []func()
}

// control says that the cluster is ready and obeys until it is told to end.
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
				last = conn // it learns of the end by that of the connection
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

// answer obeys one command; it returns true if that was the last.
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

func (s *server) obey(words []string) (text string, err error) {
	// The simulator panics where there is no such node.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	one := func() string {
		if len(words) != 2 {
			panic(words[0] + " takes the name of a node")
		}
		return words[1]
	}
	sim := s.c.Sim
	switch words[0] {
	case "pid", "down":
		return "", nil
	case "enter":
		cmd := s.c.Command(context.Background(), s.c.Master())
		return strings.Join(cmd.Args, "\x00") + "\n" + strings.Join(cmd.Env, "\n") + "\n", cmd.Err
	case "power-off":
		sim.PowerOff(one())
	case "power-on":
		return "", sim.PowerOn(one())
	case "replace":
		return "", sim.Replace(one())
	case "unplug":
		sim.Unplug(one())
	case "fault":
		f, err := parseFault(words[1:])
		if err != nil {
			return "", err
		}
		s.mu.Lock()
		s.lifts = append(s.lifts, sim.Inject(f))
		s.mu.Unlock()
	case "heal":
		s.mu.Lock()
		for _, lift := range s.lifts {
			lift()
		}
		s.lifts = nil
		s.mu.Unlock()
	case "sync":
		if len(words) != 3 || words[2] != "stuck" && words[2] != "runs" {
			return "", errors.New("sync takes an instance and stuck or runs")
		}
		sim.StickSync(words[1], words[2] == "stuck")
	case "nodes":
		return sim.String(), nil
	case "calls":
		var b strings.Builder
		for _, c := range sim.Calls() {
			fmt.Fprintf(&b, "%-10s %-32s %-20s %s\n", c.Node, c.Name, c.Instance, c.Err)
		}
		return b.String(), nil
	case "incidents":
		var b strings.Builder
		for _, i := range sim.Incidents() {
			fmt.Fprintln(&b, i)
		}
		return b.String(), nil
	default:
		return "", fmt.Errorf("unknown command %q", words[0])
	}
	return "", nil
}

// parseFault reads a rule from words.
func parseFault(words []string) (nodesim.Fault, error) {
	var f nodesim.Fault
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "node":
			f.Node = value
		case "call":
			f.Call = value
		case "instance":
			f.Instance = value
		case "times":
			f.Times, err = strconv.Atoi(value)
		case "fail":
			f.Fail = value
		case "hang":
			f.Hang = true
		case "drop":
			f.Drop = true
		case "after":
			f.After = true
		case "delay":
			f.Delay, err = time.ParseDuration(value)
		default:
			err = errors.New("unknown word")
		}
		if err != nil {
			return f, fmt.Errorf("fault: %s: %w", word, err)
		}
	}
	if f.Fail == "" && !f.Hang && !f.Drop && f.Delay == 0 {
		return f, errors.New("fault: what shall happen? fail=TEXT, hang, drop or delay=TIME")
	}
	return f, nil
}
