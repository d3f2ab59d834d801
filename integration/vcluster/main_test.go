//go:build cluster

package vcluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// image is that of all clusters of three nodes, and common one of them, for tests that
// leave its nodes and daemons as they were and have instances of their own.
var (
	image  resource[*Image]
	common resource[*Cluster]
)

// resource is made when it is first asked for.
type resource[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (r *resource[T]) get(t *testing.T, start func() (T, error)) T {
	t.Helper()
	r.once.Do(func() { r.value, r.err = start() })
	must(t, r.err)
	return r.value
}

func TestMain(m *testing.M) {
	if how := os.Getenv(childVariable); how != "" {
		child(how)
		os.Exit(2)
	}
	code := m.Run()
	if common.value != nil {
		if err := common.value.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// testContext is long enough for everything, even on a busy machine; it only
// turns a hang into an error.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// theImage returns the image.
func theImage(ctx context.Context, t *testing.T) *Image {
	t.Helper()
	must(t, Available())
	return image.get(t, func() (*Image, error) { return Prepare(ctx, Options{Log: testLog()}) })
}

// commonCluster returns the cluster that tests share.
func commonCluster(ctx context.Context, t *testing.T) *Cluster {
	t.Helper()
	i := theImage(ctx, t)
	return common.get(t, func() (*Cluster, error) { return i.Start(ctx) })
}

// testLog returns where clusters log to: nowhere unless tests are verbose.
func testLog() io.Writer {
	if testing.Verbose() {
		return os.Stderr
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustRun runs a command that has to succeed and returns its output.
func mustRun(ctx context.Context, t *testing.T, c *Cluster, node string, args ...string) string {
	t.Helper()
	out, err := c.Run(ctx, node, args...)
	must(t, err)
	return out
}

// equal compares the printed forms of two values.
func equal(t *testing.T, what string, got, want interface{}) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\ngot  %s\nwant %s", what, g, w)
	}
}

// namespaces returns the identities of the namespaces of a process.
func namespaces(t *testing.T, pid int) map[string]bool {
	t.Helper()
	ids := make(map[string]bool)
	for _, kind := range []string{"pid", "mnt", "net", "uts", "ipc"} {
		id, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		must(t, err)
		own, err := os.Readlink("/proc/self/ns/" + kind)
		must(t, err)
		if id == own {
			t.Fatalf("the cluster shares the %s namespace of the test", kind)
		}
		ids[id] = true
	}
	return ids
}

// inhabitants returns the processes in any of the namespaces.
func inhabitants(ids map[string]bool) []string {
	var found []string
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		for _, kind := range []string{"pid", "mnt", "net", "uts", "ipc"} {
			if id, err := os.Readlink("/proc/" + e.Name() + "/ns/" + kind); err == nil && ids[id] {
				cmdline, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
				found = append(found, e.Name()+" "+strings.ReplaceAll(string(cmdline), "\x00", " "))
				break
			}
		}
	}
	return found
}

// waitEmpty waits until the namespaces have no inhabitants.
func waitEmpty(ctx context.Context, t *testing.T, ids map[string]bool) {
	t.Helper()
	must(t, until(ctx, "end of namespaces", func(context.Context) error {
		if left := inhabitants(ids); left != nil {
			return fmt.Errorf("still there: %s", strings.Join(left, "; "))
		}
		return nil
	}))
}

// process is one of those inside a cluster.
type process struct {
	command string // with its arguments
	state   string // "S", "R", "Z", ...
	parent  string
	name    string // of the program, cut to 15 characters
}

// processes returns all processes inside.
func processes(t *testing.T, c *Cluster) []process {
	t.Helper()
	proc := c.HostPath("/proc")
	entries, err := os.ReadDir(proc)
	must(t, err)
	var all []process
	for _, e := range entries {
		cmdline, err := os.ReadFile(proc + "/" + e.Name() + "/cmdline")
		if _, notNumber := strconv.Atoi(e.Name()); notNumber != nil || err != nil {
			continue
		}
		stat, err := os.ReadFile(proc + "/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		open, end := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
		fields := strings.Fields(string(stat[end+1:]))
		all = append(all, process{
			command: strings.TrimSpace(strings.ReplaceAll(string(cmdline), "\x00", " ")),
			state:   fields[0],
			parent:  fields[1],
			name:    string(stat[open+1 : end]),
		})
	}
	return all
}

// waitCommand waits until a command runs inside, or until it does not.
func waitCommand(ctx context.Context, t *testing.T, c *Cluster, command string, running bool) {
	t.Helper()
	must(t, until(ctx, command, func(context.Context) error {
		found := false
		for _, p := range processes(t, c) {
			found = found || p.command == command
		}
		if found != running {
			return fmt.Errorf("running is %v", found)
		}
		return nil
	}))
}
