package read

import (
	"context"
	"fmt"
	"sort"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// ReadPlacer asks the usable nodes of the groups concerned for their free
// memory and disk, and the configuration for what the instances take, those
// that are going to move as well, and for who lives where. If no nodes are to be chosen
// nothing is asked.
func ReadPlacer(ctx context.Context, c *luxi.Client, s *repair.Snapshot, wanted repair.RoomWanted) (*repair.Placer, error) {
	p := repair.NewPlacer()
	if len(wanted.Choose) == 0 {
		return p, nil
	}
	p.Unfinished(s)
	r := &roomReader{client: c, s: s, p: p, wanted: wanted}
	for _, ask := range []func(context.Context) error{r.readDemands, r.readRunning, r.readRooms, r.readLives} {
		if err := ask(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// roomReader fills a placer.
type roomReader struct {
	client *luxi.Client
	s      *repair.Snapshot
	p      *repair.Placer
	wanted repair.RoomWanted
}

// readDemands reads what the instances take of the nodes where they will be.
func (r *roomReader) readDemands(ctx context.Context) error {
	var uuids []string
	for _, list := range [][]repair.Wish{r.wanted.Choose, r.wanted.Others} {
		for _, w := range list {
			uuids = append(uuids, w.Instance.UUID)
		}
	}
	uuids = append(uuids, r.p.Claimants()...)
	t, err := Query(ctx, r.client, luxi.ResInstance, []string{"uuid", "be/maxmem", "disk_usage", "os", "tags"}, luxi.AnyOf("uuid", uuids...))
	if err != nil {
		return fmt.Errorf("reading what instances take: %w", err)
	}
	for row := range t.Rows {
		var uuid string
		var memory, disk luxi.Value[int64]
		var os luxi.Value[string]
		var tags []string
		if err := t.Scan(row, &uuid, &memory, &disk, &os, &tags); err != nil {
			return fmt.Errorf("reading what instances take: %w", err)
		}
		mem, okMem := memory.Get()
		size, okDisk := disk.Get()
		if okMem && okDisk {
			r.p.Demands[uuid] = repair.Demand{Memory: mem, Disk: size, OS: os.V, Exclusions: repair.ExclusionTags(r.s.Cluster.Exclusions, tags)}
		}
	}
	return nil
}

// readRunning asks the nodes for the memory that those instances have now which are to
// be migrated to nodes that are chosen here.
func (r *roomReader) readRunning(ctx context.Context) error {
	uuids := make(map[string][]string) // by primary node
	var nodes []string
	for _, w := range r.wanted.Choose {
		if w.Step == repair.StepMigrate {
			if uuids[w.Instance.Primary] == nil {
				nodes = append(nodes, w.Instance.Primary)
			}
			uuids[w.Instance.Primary] = append(uuids[w.Instance.Primary], w.Instance.UUID)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	tables, err := AskNodes(ctx, nodes, func(ctx context.Context, nodes []string) (*luxi.Table, error) {
		var there []string
		for _, node := range nodes {
			there = append(there, uuids[node]...)
		}
		return Query(ctx, r.client, luxi.ResInstance, []string{"uuid", "oper_ram"}, luxi.AnyOf("uuid", there...))
	})
	if err != nil {
		return fmt.Errorf("reading the memory of instances: %w", err)
	}
	for _, t := range tables {
		for row := range t.Rows {
			var uuid string
			var memory luxi.Value[int64]
			if err := t.Scan(row, &uuid, &memory); err != nil {
				return fmt.Errorf("reading the memory of instances: %w", err)
			}
			if d, ok := r.p.Demands[uuid]; ok {
				d.MemoryInUse, _ = memory.Get()
				r.p.Demands[uuid] = d
			}
		}
	}
	return nil
}

// readRooms asks the nodes that something may be placed on what they have free.
func (r *roomReader) readRooms(ctx context.Context) error {
	groups := make(map[string]bool)
	for _, w := range r.wanted.Choose {
		groups[r.s.GroupID(w.Instance)] = true
	}
	var nodes []string
	for _, n := range r.s.Nodes {
		if n.Usable() && groups[n.Group] {
			nodes = append(nodes, n.UUID)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	sort.Strings(nodes)
	tables, err := AskNodes(ctx, nodes, func(ctx context.Context, nodes []string) (*luxi.Table, error) {
		return Query(ctx, r.client, luxi.ResNode, roomFields, luxi.AnyOf("uuid", nodes...))
	})
	if err != nil {
		return fmt.Errorf("reading what nodes have free: %w", err)
	}
	for _, t := range tables {
		if err := r.takeRooms(t); err != nil {
			return fmt.Errorf("reading what nodes have free: %w", err)
		}
	}
	return nil
}

// roomFields are what is asked of nodes. How many physical volumes are free is told of
// the cluster's volume group alone.
var roomFields = []string{"name", "mfree", "dfree", "ndp/exclusive_storage", "spfree"}

// takeRooms takes what nodes have free from a table of roomFields.
func (r *roomReader) takeRooms(t *luxi.Table) error {
	for row := range t.Rows {
		var name string
		var memory, disk, spindles luxi.Value[int64]
		var exclusive luxi.Value[bool]
		if err := t.Scan(row, &name, &memory, &disk, &exclusive, &spindles); err != nil {
			return err
		}
		free, ok := memory.Get()
		n := r.s.Nodes[name]
		if !ok || n == nil {
			continue // the node does not answer
		}
		room := repair.Room{Node: name, Group: n.Group, Memory: free, Disk: map[repair.Storage]int64{}}
		mib, ok := disk.Get()
		if ok {
			room.SetFreeDisk(r.s, mib)
		}
		if room.Exclusive, _ = exclusive.Get(); room.Exclusive {
			room.Spindles, _ = spindles.Get()
			if ok && room.Spindles > 0 && r.s.Cluster.FreeDisk == luxi.StorageLVM {
				// With exclusive storage that is what the free physical volumes hold
				// (_GetExclusiveStorageVgFree in lib/storage/bdev.py).
				room.SpindleSize = mib / room.Spindles
			}
		}
		r.p.Rooms[n.Group] = append(r.p.Rooms[n.Group], room)
	}
	return nil
}

// readLives reads where those instances live that have an exclusion tag of one for which
// a new primary node is chosen.
func (r *roomReader) readLives(ctx context.Context) error {
	if len(r.wanted.Choose) == len(r.s.Instances) {
		// The tags of all of them are known.
		for _, i := range r.s.Instances {
			r.p.LivesOn(i.Primary, i.Name, r.p.Demands[i.UUID].Exclusions)
		}
		return nil
	}
	var tags []luxi.Filter
	asked := make(map[string]bool)
	for _, w := range r.wanted.Choose {
		for _, tag := range r.p.Demands[w.Instance.UUID].Exclusions {
			if w.Step != repair.StepReplaceDisks && !asked[tag] {
				asked[tag] = true
				tags = append(tags, luxi.Contains("tags", tag))
			}
		}
	}
	if len(tags) == 0 {
		return nil
	}
	t, err := Query(ctx, r.client, luxi.ResInstance, []string{"name", "pnode", "tags"}, luxi.Or(tags...))
	if err != nil {
		return fmt.Errorf("reading exclusion tags: %w", err)
	}
	for row := range t.Rows {
		var name string
		var node luxi.Value[string]
		var tags []string
		if err := t.Scan(row, &name, &node, &tags); err != nil {
			return fmt.Errorf("reading exclusion tags: %w", err)
		}
		if primary, ok := node.Get(); ok {
			r.p.LivesOn(primary, name, repair.ExclusionTags(r.s.Cluster.Exclusions, tags))
		}
	}
	return nil
}
