package tagstore

import "ganeti-autorepair/luxi"

// What people do to tags, worked out from the tags that an object has. Each
// method returns the change to make, which is empty if there is nothing to do.

// After returns the object with the tags that it has once the change is made.
func (o Object) After(c Change) Object {
	gone := make(map[string]bool, len(c.Before)+len(c.Remove))
	for _, tag := range append(append([]string(nil), c.Before...), c.Remove...) {
		gone[tag] = true
	}
	var tags []string
	for _, tag := range o.Tags.List() {
		if !gone[tag] {
			tags = append(tags, tag)
		}
	}
	o.Tags = Parse(o.Kind, append(tags, c.Add...))
	return o
}

// SetPolicy makes t the type that the object permits; None takes its opinion
// away, so that the next object decides. Tags that nobody can read and that
// forbid all repairs go: they stand until a person looks, which is now (T10).
func (o Object) SetPolicy(t Type) Change {
	c := o.change()
	have := false
	for _, e := range o.Tags.Enables {
		if e.Type == t && !have {
			have = true
			continue
		}
		c.Remove = append(c.Remove, e.Tag)
	}
	c.Remove = append(c.Remove, o.Tags.malformed(Forbids)...)
	if t != None && !have {
		c.Add = []string{EnableTag(t)}
	}
	return c
}

// Suspend suspends the object until a Unix time in seconds, or forever if until
// is 0. A suspension that lasts longer is never cut short: the change is then
// empty, and longer is that suspension. Shorter ones are removed. Those of stop do not
// count, as they may be undone at any time.
func (o Object) Suspend(until int64) (c Change, longer *Suspend) {
	c = o.change()
	for k, s := range o.Tags.Suspends {
		switch {
		case s.ByStop:
		case s.Until == until, s.Forever(), until != 0 && s.Until > until:
			longer = &o.Tags.Suspends[k]
			if s.Forever() {
				return o.change(), longer
			}
		default:
			c.Remove = append(c.Remove, s.Tag)
		}
	}
	if longer != nil {
		return o.change(), longer
	}
	c.Add = []string{SuspendTag(until)}
	return c, nil
}

// Stop suspends the object until a Unix time in seconds, or forever if until is 0, so
// that Unstop can tell it from other suspensions, which stay as they are. The change is
// empty, and longer is set, if it is suspended for as long already.
func (o Object) Stop(until int64) (c Change, longer *Suspend) {
	c = o.change()
	for k, s := range o.Tags.Suspends {
		switch {
		case s.Forever(), until != 0 && s.Until >= until:
			return o.change(), &o.Tags.Suspends[k]
		case s.ByStop:
			c.Remove = append(c.Remove, s.Tag)
		}
	}
	c.Add = []string{StopTag(until)}
	return c, nil
}

// Unstop undoes Stop, and nothing else.
func (o Object) Unstop() Change {
	c := o.change()
	for _, s := range o.Tags.Suspends {
		if s.ByStop {
			c.Remove = append(c.Remove, s.Tag)
		}
	}
	return c
}

// Resume ends all suspensions of the object, also those whose tags cannot be
// read: they stand until a person looks, which is now (T10).
func (o Object) Resume() Change {
	c := o.change()
	for _, s := range o.Tags.Suspends {
		c.Remove = append(c.Remove, s.Tag)
	}
	c.Remove = append(c.Remove, o.Tags.malformed(Suspends)...)
	return c
}

// malformed lists the malformed tags that have the effect.
func (t Tags) malformed(effect Effect) []string {
	var tags []string
	for _, m := range t.Malformed {
		if m.Effect == effect {
			tags = append(tags, m.Tag)
		}
	}
	return tags
}

// Acknowledge removes the failure results of an instance.
func (o Object) Acknowledge() Change {
	c := o.change()
	for _, r := range o.Tags.Results {
		if r.Outcome == Failure {
			c.Remove = append(c.Remove, r.Tag)
		}
	}
	return c
}

// Request asks for a repair once. The change is empty, and open is the repair, if one that may
// do as much is open already; if byHand, only what somebody asked for counts.
func (o Object) Request(p Pending, byHand bool) (c Change, open *Repair) {
	for _, r := range o.Tags.Records().Repairs {
		kind := KindOfID(r.ID)
		if r.Type.Permits(p.Type) && (!byHand || kind == AskedFor || kind == Foreign) {
			r := r
			return o.change(), &r
		}
	}
	c = o.change()
	tag, _ := p.Format()
	c.Add = []string{tag}
	return c, nil
}

// GiveUp removes all pending tags of an instance.
func (o Object) GiveUp() Change {
	c := o.change()
	for _, p := range o.Tags.Pendings {
		c.Remove = append(c.Remove, p.Tag)
	}
	return c
}

// Vouch records that somebody vouches at now, in Unix seconds, that the node runs
// nothing (V5). Older tags that say so go.
func (o Object) Vouch(now int64) Change {
	c := o.change()
	tag := FencedTag(now)
	c.Add = []string{tag}
	for _, m := range o.Tags.Fenced {
		if m.Tag == tag {
			c.Add = nil
		} else {
			c.Remove = append(c.Remove, m.Tag)
		}
	}
	return c
}

func (o Object) change() Change {
	c := Change{Kind: o.Kind, Name: o.Name}
	if o.Kind == luxi.TagCluster {
		c.Name = ""
	}
	return c
}
