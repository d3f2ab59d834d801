package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"ganeti-autorepair/plugin/repair"
)

// Fence makes sure that instances do not run on an offline node any more, and
// returns an error if it cannot promise that (V5). Ganeti never contacts a node
// that is marked offline, so nobody else would notice that one still runs there
// when it is started elsewhere.
type Fence func(ctx context.Context, node string, instances []string) error

// fencesAtATime bounds how many commands run side by side.
const fencesAtATime = 8

// CommandFence runs a program with the node's name and the instances' names as
// its arguments; status 0 is the promise. When the context ends, so does the
// program, with everything it started in its process group.
func CommandFence(path string) Fence {
	return func(ctx context.Context, node string, instances []string) error {
		// A file, because a pipe would keep this waiting for a grandchild.
		out, err := os.CreateTemp("", "autorepair-fence")
		if err != nil {
			return err
		}
		defer out.Close()
		defer os.Remove(out.Name())
		cmd := exec.Command(path, append([]string{node}, instances...)...)
		cmd.Stdout, cmd.Stderr = out, out
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err = <-ended:
		case <-ctx.Done():
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended just now
			// Not waited for: what sleeps in the kernel may not even die (C3).
			return errors.New("it did not end in time")
		}
		if err == nil {
			return nil
		}
		said, _ := io.ReadAll(io.NewSectionReader(out, 0, 4096))
		if text := repair.Shorten(string(said)); text != "" {
			return fmt.Errorf("%w: %s", err, text)
		}
		return err
	}
}

// fence is the one in force, nil if there is none.
func (p *Pass) fence() Fence {
	switch {
	case p.Settings.Fence == repair.NoFence || p.Settings.Fence == "":
		return nil
	case p.Fence != nil:
		return p.Fence
	}
	return CommandFence(p.Settings.Fence)
}

// fenceTime bounds one command: what is left of the pass must do for the rest.
func (p *Pass) fenceTime() time.Duration { return p.Settings.PassTimeout / 4 }

// fenced holds the steps for which the fence does not hold, and returns the
// others. Every node is asked about once, for all of its instances.
func (a *act) fenced(ctx context.Context, steps []*repair.Planned) []*repair.Planned {
	fence := a.fence()
	if fence == nil {
		return steps
	}
	ask := make(map[string][]string)
	for _, st := range steps {
		for _, node := range repair.FenceNodes(a.plan.Snapshot, st.Decision.Instance, st.Decision.Start.Step) {
			ask[node] = append(ask[node], st.Decision.Instance.Name)
		}
	}
	failed := a.askFence(ctx, fence, ask)
	var pass []*repair.Planned
	for _, st := range steps {
		if why := a.unfenced(a.plan.Snapshot, st.Decision.Instance, st.Decision.Start.Step, failed); why != "" {
			st.Decision.Hold(repair.ReasonNotFenced, why)
			continue
		}
		pass = append(pass, st)
	}
	return pass
}

// askFence asks about all nodes, side by side, notes for whom the fence holds,
// and returns the errors by node.
func (a *act) askFence(ctx context.Context, fence Fence, ask map[string][]string) map[string]error {
	short, cancel := context.WithTimeout(ctx, a.fenceTime())
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	failed := make(map[string]error)
	slots := make(chan struct{}, fencesAtATime)
	for node, names := range ask {
		node, names := node, names
		sort.Strings(names)
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			err := fence(short, node, names)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[node] = err
				return
			}
			for _, name := range names {
				a.holds[node+" "+name] = true
			}
		}()
	}
	wg.Wait()
	var nodes []string
	for node := range ask {
		nodes = append(nodes, node)
	}
	sort.Strings(nodes)
	for _, node := range nodes {
		if err := failed[node]; err != nil {
			a.Log.Warn("the fence does not hold", "node", node, "instances", strings.Join(ask[node], ","), "error", err.Error())
		} else {
			a.Log.Info("the fence holds", "node", node, "instances", strings.Join(ask[node], ","))
		}
	}
	return failed
}

// unfenced says why the fence does not allow the step, or "".
func (a *act) unfenced(s *repair.Snapshot, i *repair.Instance, step repair.Step, failed map[string]error) string {
	if a.fence() == nil {
		return ""
	}
	for _, node := range repair.FenceNodes(s, i, step) {
		switch {
		case failed[node] != nil:
			return fmt.Sprintf("the fence of node %s does not hold: %s", node, failed[node])
		case !a.holds[node+" "+i.Name]:
			return fmt.Sprintf("the fence of node %s was not asked about it", node)
		}
	}
	return ""
}
