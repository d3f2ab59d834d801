package repair

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Room is what a node has to give, asked of the node itself.
type Room struct {
	Node   string
	Group  string           // UUID
	Memory int64            // free memory in MiB
	Disk   map[string]int64 // free disk in MiB by kind of storage, as far as it is known
}

// Demand is what an instance takes on each of its nodes.
type Demand struct {
	Memory int64 // in MiB, be/maxmem
	Disk   int64 // in MiB, disk_usage
}

// Placer chooses nodes where Ganeti's allocator must not or cannot: for the
// reinstall chain, because RECREATE_DISKS lets the allocator pick another node
// group and then dies after changing the configuration, and because hail
// refuses for ever where the group is not N+1 redundant (P10); and on clusters
// without a default allocator.
type Placer struct {
	Rooms   map[string][]Room // by group
	Demands map[string]Demand // by instance UUID
	// reservations are what is given away: the rooms are less that already.
	reservations []Reservation
	// asked are the kinds of storage of which nodes were asked how much is free:
	// one that did not say takes no disks of that kind.
	asked map[string]bool
}

// Reservation is room that an unfinished job is going to take, or has begun to.
type Reservation struct {
	Instance *Instance
	nodes    []string // the first takes the memory, all of them take the disks
	moves    bool     // to disks that are there already
}

// Reservations lists what unfinished jobs are going to take of nodes that they name.
// A node says what is free now, and a reinstallation has destroyed its data long
// before it starts the instance and finds no memory (P10).
func Reservations(s *Snapshot) []Reservation {
	var list []Reservation
	for _, job := range s.Running {
		for _, op := range job.Ops {
			var nodes []string
			if err := json.Unmarshal(op.Params["nodes"], &nodes); err != nil || len(nodes) == 0 {
				nodes = nil
				for _, param := range []string{"target_node", "remote_node"} {
					if name := op.Param(param); name != "" {
						nodes = []string{name}
					}
				}
			}
			moves := op.ID == "OP_INSTANCE_FAILOVER" || op.ID == "OP_INSTANCE_MIGRATE"
			if len(nodes) == 0 && !moves {
				continue
			}
			for _, i := range s.Instances {
				if !names(op, i) {
					continue
				}
				if moves && len(nodes) == 0 {
					nodes = i.Secondaries // where drbd goes
				}
				list = append(list, Reservation{i, nodes, moves})
				break
			}
		}
	}
	return list
}

// NewPlacer returns a placer that knows of no room yet.
func NewPlacer() *Placer {
	return &Placer{Rooms: map[string][]Room{}, Demands: map[string]Demand{}}
}

// reserveMove counts what a drbd instance that is about to move takes of its
// secondary node, where nothing of it runs yet.
func (p *Placer) reserveMove(i *Instance) {
	if i.AdminState == "up" {
		p.Reserve(Reservation{i, i.Secondaries, true})
	}
}

// Reserve takes the room of a reservation away. What is there already counts twice then: the
// next pass will know better.
func (p *Placer) Reserve(pr Reservation) {
	p.reservations = append(p.reservations, pr)
	demand, kind := p.Demands[pr.Instance.UUID], StorageKind(pr.Instance.Template)
	for n, name := range pr.nodes {
		for _, rooms := range p.Rooms {
			for k := range rooms {
				if rooms[k].Node != name {
					continue
				}
				if !pr.moves {
					rooms[k].takeDisk(kind, demand.Disk)
				}
				if n == 0 {
					rooms[k].Memory -= demand.Memory
				}
			}
		}
	}
}

// Place chooses count nodes for the instance in the group of its primary node,
// the one with most free memory first, and takes the room there, so that the
// next instance does not count on it too. It returns why it cannot otherwise.
func (p *Placer) Place(s *Snapshot, i *Instance, count int, withDisk bool) ([]string, string) {
	demand, ok := p.Demands[i.UUID]
	if !ok {
		return nil, "what it takes is not known"
	}
	g := s.Group(i)
	if g == nil {
		return nil, "its node group is not known"
	}
	rooms := p.Rooms[g.UUID]
	sort.Slice(rooms, func(a, b int) bool {
		if rooms[a].Memory != rooms[b].Memory {
			return rooms[a].Memory > rooms[b].Memory
		}
		return rooms[a].Node < rooms[b].Node
	})
	kind := ""
	if withDisk {
		kind = StorageKind(i.Template)
	}
	own := map[string]bool{i.Primary: true}
	for _, name := range i.Secondaries {
		own[name] = true
	}
	var chosen []int
	var silent []string
	for k, r := range rooms {
		if own[r.Node] || r.Memory < demand.Memory {
			continue
		}
		switch free, known := r.Disk[kind]; {
		case known && free < demand.Disk:
			continue
		case !known && p.asked[kind]:
			silent = append(silent, r.Node)
			continue
		}
		if chosen = append(chosen, k); len(chosen) == count {
			break
		}
	}
	if len(chosen) < count {
		why := fmt.Sprintf("group %s has %d of %d nodes with %d MiB of memory and %d MiB of disk free", g.Name, len(chosen), count, demand.Memory, demand.Disk)
		if kind != "" && s.Cluster.FreeDisk != "" && s.Cluster.FreeDisk != kind {
			why += " (" + kind + " storage)"
		}
		if len(silent) > 0 {
			sort.Strings(silent)
			why += "; how much " + kind + " storage is free could not be found out on " + strings.Join(silent, ", ")
		}
		return nil, why
	}
	var nodes []string
	for n, k := range chosen {
		nodes = append(nodes, rooms[k].Node)
		if n == 0 {
			rooms[k].Memory -= demand.Memory
		}
		rooms[k].takeDisk(kind, demand.Disk)
	}
	return nodes, ""
}
