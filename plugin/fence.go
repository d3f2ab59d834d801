package plugin

import (
	"context"
	"fmt"
	"strings"
	"sync"
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

// fenceTime bounds all commands together: what is left of the pass must do for the rest. A
// node that is not asked in time counts as one whose fence failed, until the next pass.
func (p *Pass) fenceTime() time.Duration { return p.Settings.PassTimeout / 4 }

// fence asks the fence for the actions that need it, and returns the actions that are
// left: where the fence failed the step is blocked. Every node is asked about once,
// for all of its instances.
func (a *act) fence(ctx context.Context, actions []repair.Action) ([]repair.Action, error) {
	ask := make(map[string][]string)
	for _, action := range actions {
		if action.Job == nil {
			continue
		}
		for _, node := range action.Job.Fence {
			ask[node] = append(ask[node], action.Object.Name)
		}
	}
	a.tellVouched(actions)
	if len(ask) == 0 {
		return actions, nil
	}
	failed := a.askFence(ctx, ask)
	var pass []repair.Action
	for _, action := range actions {
		if action.Job != nil {
			d := action.Decision
			if why := a.unfenced(a.plan.Snapshot, d.Instance, d.Start.Step, failed); why != "" {
				d = d.Blocked(repair.ReasonNotFenced, why)
				a.report.leave(d.Instance, d.State, d.Reason, d.Detail)
				action = repair.TagAction(a.plan.Snapshot, d)
			}
		}
		if !action.Empty() {
			pass = append(pass, action)
		}
	}
	return pass, ctx.Err()
}

// tellVouched logs, once for each node, that somebody vouches for it, so that its fence
// is not asked.
func (a *act) tellVouched(actions []repair.Action) {
	if a.Fence == nil || !a.Settings.Fenced() {
		return
	}
	instances, tags := make(map[string][]string), make(map[string]string)
	for _, action := range actions {
		if action.Job == nil {
			continue
		}
		for node, tag := range repair.VouchedNodes(a.plan.Snapshot, action.Decision.Instance, action.Job.Step) {
			instances[node], tags[node] = append(instances[node], action.Object.Name), tag
		}
	}
	for _, node := range sortedKeys(tags) {
		repair.NiceSort(instances[node])
		a.Log.Info("node vouched for", "node", node, "instances", strings.Join(instances[node], ","), "tag", tags[node])
	}
}

// sortedKeys returns the keys of the map in order.
func sortedKeys(m map[string]string) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	repair.NiceSort(keys)
	return keys
}

// askFence asks about all nodes, side by side, notes for whom the fence succeeded,
// and returns the errors by node.
func (a *act) askFence(ctx context.Context, ask map[string][]string) map[string]error {
	short, cancel := context.WithTimeout(ctx, a.fenceTime())
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	failed := make(map[string]error)
	slots := make(chan struct{}, fencesAtATime)
	for node, names := range ask {
		node, names := node, names
		repair.NiceSort(names)
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			err := a.Fence(short, node, names)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[node] = err
				return
			}
			for _, name := range names {
				a.fenced[node+" "+name] = true
			}
		}()
	}
	wg.Wait()
	var nodes []string
	for node := range ask {
		nodes = append(nodes, node)
	}
	repair.NiceSort(nodes)
	for _, node := range nodes {
		if err := failed[node]; err != nil {
			a.Log.Warn("fence failed", "node", node, "instances", strings.Join(ask[node], ","), "error", err.Error())
		} else {
			a.Log.Info("fence succeeded", "node", node, "instances", strings.Join(ask[node], ","))
		}
	}
	return failed
}

// unfenced returns why the step is blocked: a fence failed, or was not run; "" if neither.
func (a *act) unfenced(s *repair.Snapshot, i *repair.Instance, step repair.Step, failed map[string]error) string {
	if a.Fence == nil || !a.Settings.Fenced() {
		return ""
	}
	for _, node := range repair.FenceNodes(s, i, step) {
		switch {
		case failed[node] != nil:
			return fmt.Sprintf("fence command failed for %s: %s", node, failed[node])
		case !a.fenced[node+" "+i.Name]:
			return fmt.Sprintf("the fence of %s was not run for it", node)
		}
	}
	return ""
}
