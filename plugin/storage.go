package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// askStorage asks nodes for the free storage that the disks of the instances
// take, where the field dfree is about another kind: only a job can tell. A chain
// that finds no room for its disks has already moved the instance away from its
// nodes when it fails (P10), so a node that does not say is not chosen.
func (a *act) askStorage(ctx context.Context, s *repair.Snapshot, p *repair.Placer, instances []*repair.Instance) error {
	wanted := make(map[string]map[string]bool) // kind, node
	for _, i := range instances {
		kind := repair.StorageKind(i.Template)
		demand, ok := p.Demands[i.UUID]
		if !ok || kind == "" {
			continue
		}
		for _, r := range p.Rooms[s.GroupID(i)] {
			if _, known := r.Disk[repair.Storage{Kind: kind}]; known || r.Memory < demand.Memory {
				continue
			}
			if wanted[kind] == nil {
				wanted[kind] = make(map[string]bool)
			}
			wanted[kind][r.Node] = true
		}
	}
	for _, kind := range []string{luxi.StorageLVM, luxi.StorageFile} {
		if len(wanted[kind]) == 0 {
			continue
		}
		var nodes []string
		for name := range wanted[kind] {
			nodes = append(nodes, name)
		}
		sort.Strings(nodes)
		free, why, err := a.queryStorage(ctx, s, kind, nodes)
		if err != nil {
			return err
		}
		if why != "" {
			a.Log.Warn("free storage not found out", "storage", kind, "why", why)
		}
		p.AddStorage(kind, free)
	}
	return nil
}

// queryStorage asks nodes, by a job, how much storage of a kind they have free. It
// returns that in MiB by node, without those that did not say, or why nobody did.
// The job goes ahead of others, as the pass waits for it; one that does not end in
// time is canceled.
func (a *act) queryStorage(ctx context.Context, s *repair.Snapshot, kind string, nodes []string) (map[string]int64, string, error) {
	op := &luxi.NodeQueryStorage{
		Common:       luxi.Common{Reason: repair.Trail(repair.Mark{Kind: repair.MarkProbe, ID: "storage"}, repair.Limit{}, a.Now()), Priority: luxi.PriorityHigh},
		OutputFields: []string{"node", "name", "free"}, StorageType: kind, Nodes: nodes,
	}
	submitted, err := a.Client.SubmitManyJobs(ctx, [][]luxi.OpCode{{op}})
	if err != nil {
		return nil, "", fmt.Errorf("asking for free storage: %w", err)
	}
	if err := submitted[0].Err; err != nil {
		return nil, err.Error(), nil
	}
	id := submitted[0].ID
	wait, cancel := halfOf(ctx)
	defer cancel()
	info, err := a.await(ctx, wait, id)
	if err != nil {
		return nil, "", fmt.Errorf("asking for free storage, job %d: %w", id, err)
	}
	if info == nil {
		return nil, fmt.Sprintf("job %d did not end in time", id), nil
	}
	if info.Status != luxi.JobSuccess || len(info.Ops) != 1 {
		return nil, fmt.Sprintf("job %d ended as %s: %s", id, info.Status, repair.NewJobFact(*info).Detail), nil
	}
	return freeStorage(info.Ops[0].Result.Raw, kind, s.Cluster.VolumeGroup), "", nil
}

// freeStorage reads rows of node, name and free MiB. Of volume groups that of the
// cluster counts, of file storage the only row of a node; what cannot be read says
// nothing.
func freeStorage(result json.RawMessage, kind, volumeGroup string) map[string]int64 {
	var rows []json.RawMessage
	if json.Unmarshal(result, &rows) != nil {
		return nil
	}
	free := make(map[string]int64)
	times := make(map[string]int)
	for _, raw := range rows {
		var row []json.RawMessage
		var node, name string
		var mib *int64
		if json.Unmarshal(raw, &row) != nil || len(row) != 3 ||
			json.Unmarshal(row[0], &node) != nil || json.Unmarshal(row[1], &name) != nil {
			continue
		}
		if kind == luxi.StorageLVM && name != volumeGroup {
			continue
		}
		times[node]++
		if json.Unmarshal(row[2], &mib) == nil && mib != nil {
			free[node] = *mib
		}
	}
	for node, n := range times {
		if n > 1 {
			delete(free, node)
		}
	}
	return free
}
