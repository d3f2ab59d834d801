package read

import (
	"context"
	"fmt"
	"sort"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// ReadPlacer asks the usable nodes of the groups concerned for their free
// memory and disk, and the configuration for what the instances take, and those
// that are going to move as well.
func ReadPlacer(ctx context.Context, c *luxi.Client, s *repair.Snapshot, wanted repair.RoomWanted) (*repair.Placer, error) {
	p := repair.NewPlacer()
	groups := make(map[string]bool)
	var uuids []string
	for _, i := range wanted.Choose {
		uuids = append(uuids, i.UUID)
		if g := s.Group(i); g != nil {
			groups[g.UUID] = true
		}
	}
	if len(uuids) == 0 {
		return p, nil
	}
	for _, i := range wanted.Moving {
		uuids = append(uuids, i.UUID)
	}
	reserved := repair.Reservations(s)
	for _, r := range reserved {
		uuids = append(uuids, r.Instance.UUID)
	}
	t, err := Query(ctx, c, luxi.ResInstance, []string{"uuid", "be/maxmem", "disk_usage"}, luxi.AnyOf("uuid", uuids...))
	if err != nil {
		return nil, fmt.Errorf("reading what instances take: %w", err)
	}
	for row := range t.Rows {
		var uuid string
		var memory, disk luxi.Value[int64]
		if err := t.Scan(row, &uuid, &memory, &disk); err != nil {
			return nil, fmt.Errorf("reading what instances take: %w", err)
		}
		mem, okMem := memory.Get()
		size, okDisk := disk.Get()
		if okMem && okDisk {
			p.Demands[uuid] = repair.Demand{Memory: mem, Disk: size}
		}
	}
	var nodes []string
	for _, n := range s.Nodes {
		if n.Usable() && groups[n.Group] {
			nodes = append(nodes, n.UUID)
		}
	}
	if len(nodes) == 0 {
		return p, nil
	}
	sort.Strings(nodes)
	tables, err := AskNodes(ctx, nodes, func(ctx context.Context, nodes []string) (*luxi.Table, error) {
		return Query(ctx, c, luxi.ResNode, []string{"name", "mfree", "dfree"}, luxi.AnyOf("uuid", nodes...))
	})
	if err != nil {
		return nil, fmt.Errorf("reading what nodes have free: %w", err)
	}
	for _, t := range tables {
		if err := readRooms(p, s, t); err != nil {
			return nil, fmt.Errorf("reading what nodes have free: %w", err)
		}
	}
	for _, r := range reserved {
		p.Reserve(r)
	}
	return p, nil
}

// readRooms takes what nodes have free from a table of their names, mfree and
// dfree.
func readRooms(p *repair.Placer, s *repair.Snapshot, t *luxi.Table) error {
	for row := range t.Rows {
		var name string
		var memory, disk luxi.Value[int64]
		if err := t.Scan(row, &name, &memory, &disk); err != nil {
			return err
		}
		free, ok := memory.Get()
		n := s.Nodes[name]
		if !ok || n == nil {
			continue // the node does not answer
		}
		room := repair.Room{Node: name, Group: n.Group, Memory: free, Disk: map[string]int64{}}
		if free, ok := disk.Get(); ok {
			room.SetFreeDisk(s, free)
		}
		p.Rooms[n.Group] = append(p.Rooms[n.Group], room)
	}
	return nil
}
