package repair

import "sort"

// bound tightens the numbers of a rehearsal where an allocator chooses: which instances
// find room is open, but not how many at least and at most.
func bound(h *Rehearsal, worst, best *rehearsalRun) {
	of := make(map[string]*RehearsedInstance, len(h.Each))
	for k := range h.Each {
		of[h.Each[k].Instance.UUID] = &h.Each[k]
	}
	for class, q := range worst.asked {
		var open []*RehearsedInstance
		sure, alike := 0, true
		for uuid := range q.needs {
			f := of[uuid]
			switch {
			case f.better != nil:
				open = append(open, f)
				alike = alike && f.like(open[0])
			case worst.ends[uuid].noRoom == "":
				sure++
			}
		}
		if len(open) == 0 || !alike {
			continue
		}
		lo, hi := 0, len(open)
		if b := best.asked[class]; b != nil {
			hi = clamp(b.most()-sure, hi)
		}
		if !worst.othersAsk {
			lo = clamp(q.least(worst.freeNow(q), worst.reinstalls(class))-sure, hi)
		}
		h.tighten(open[0], len(open), lo, hi)
	}
}

func clamp(n, most int) int {
	switch {
	case n < 0:
		return 0
	case n > most:
		return most
	}
	return n
}

// like reports whether the same becomes of two instances at worst, and at best.
func (f *RehearsedInstance) like(g *RehearsedInstance) bool {
	a, b := f.better, g.better
	return f.Outcome == g.Outcome && f.Down == g.Down && f.OneCopy == g.OneCopy && f.Stays == g.Stays &&
		a.Outcome == b.Outcome && a.Down == b.Down && a.OneCopy == b.OneCopy && a.Stays == b.Stays
}

// tighten takes into account that of so many instances like that one at least lo and at
// most hi find room.
func (h *Rehearsal) tighten(f *RehearsedInstance, n, lo, hi int) {
	change := func(s *Span, worst, best bool) {
		switch {
		case worst && !best:
			s.AtLeast, s.AtMost = s.AtLeast+n-hi, s.AtMost-lo
		case best && !worst:
			s.AtLeast, s.AtMost = s.AtLeast+lo, s.AtMost-(n-hi)
		}
	}
	for _, what := range RehearsalOutcomes {
		span := h.Outcomes[what]
		change(&span, f.Outcome == what, f.better.Outcome == what)
		if span != (Span{}) {
			h.Outcomes[what] = span
		} else {
			delete(h.Outcomes, what)
		}
	}
	change(&h.Down, f.Down, f.better.Down)
	change(&h.OneCopy, f.OneCopy, f.better.OneCopy)
	change(&h.Stays, f.Stays, f.better.Stays)
}

// freeNow returns what is free now of the room that the requests compete for.
func (run *rehearsalRun) freeNow(q *ask) []int64 {
	var list []int64
	for _, r := range run.placer.Rooms[q.class.group] {
		if free, ok := run.freeOf(r, q.class); ok {
			list = append(list, free)
		}
	}
	return list
}

// least returns how many of the requests find room whatever an allocator chooses. When one
// finds none, each node but its own has less than size free, so at least (free-1)/size
// requests are on each. What other requests take first is taken off.
func (q *ask) least(free []int64, others []int64) int {
	size := int64(0)
	for _, mib := range q.needs {
		if mib > size {
			size = mib
		}
	}
	n, most := 0, 0
	for _, f := range free {
		if f > size {
			here := int((f - 1) / size) // so many have to be there at least
			if n += here; here > most {
				most = here
			}
		}
	}
	if q.class.storage != (Storage{}) {
		n -= most // that of its own primary node
	}
	for _, mib := range others {
		n -= int((mib + size - 1) / size)
	}
	return n
}

// reinstalls returns what each reinstallation may take of the room that a class competes
// for, on each of its nodes.
func (run *rehearsalRun) reinstalls(class askClass) []int64 {
	var list []int64
	for _, i := range run.chains {
		d := run.placer.Demands[i.UUID]
		if class.storage == (Storage{}) {
			list = append(list, d.Memory)
			continue
		}
		for range i.Nodes() {
			list = append(list, d.disks(i.Template)[class.storage])
		}
	}
	return list
}

// most returns how many of the requests may find room.
func (q *ask) most() int {
	var sizes []int64
	for _, mib := range q.needs {
		sizes = append(sizes, mib)
	}
	sort.Slice(sizes, func(a, b int) bool { return sizes[a] < sizes[b] })
	n, sum := 0, int64(0)
	for _, f := range q.free {
		if f > sizes[0] {
			n += int((f - 1) / sizes[0])
			sum += f - 1
		}
	}
	for k, mib := range sizes {
		if sum -= mib; sum < 0 && k < n {
			return k
		}
	}
	return n
}
