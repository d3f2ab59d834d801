package tagstore

import "ganeti-autorepair/luxi"

// What people do to tags, worked out from the tags that an object has. Each
// returns the change that makes it so, which is empty if it is so already.

// SetPolicy makes t the type that the object permits; None takes its opinion
// away, so that the next object decides. Tags that cannot be read stay, since
// they grant nothing.
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
	if t != None && !have {
		c.Add = []string{EnableTag(t)}
	}
	return c
}

// Suspend suspends the object until a Unix time in seconds, or for ever if until
// is 0. A suspension that lasts longer is never cut short: the change is then
// empty, and longer is that suspension. Shorter ones are removed.
func (o Object) Suspend(until int64) (c Change, longer *Suspend) {
	c = o.change()
	for k, s := range o.Tags.Suspends {
		switch {
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

// Resume ends all suspensions of the object, those included whose tags cannot be
// read: they hold until a person looks, which is now.
func (o Object) Resume() Change {
	c := o.change()
	for _, s := range o.Tags.Suspends {
		c.Remove = append(c.Remove, s.Tag)
	}
	for _, m := range o.Tags.Malformed {
		if m.Kind == "suspend" {
			c.Remove = append(c.Remove, m.Tag)
		}
	}
	return c
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

// Request asks for a repair once. The change is empty, and open is the repair,
// if one that may do as much was asked for already.
func (o Object) Request(p Pending) (c Change, open *Repair) {
	for _, r := range o.Tags.Records().Repairs {
		if r.Type.Permits(p.Type) {
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

func (o Object) change() Change {
	c := Change{Kind: o.Kind, Name: o.Name}
	if o.Kind == luxi.TagCluster {
		c.Name = ""
	}
	return c
}
