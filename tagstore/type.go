package tagstore

import "fmt"

// Type is a type of repair, ordered by the risk it brings: each type permits
// everything the lower ones do (T1).
type Type int

// The types of repair. None is the absence of one, below all others.
const (
	None Type = iota
	FixStorage
	Migrate
	Failover
	Reinstall
)

var typeNames = [...]string{"none", "fix-storage", "migrate", "failover", "reinstall"}

// String returns the type as it is written in tags, and "none" for None.
func (t Type) String() string {
	if t < None || t > Reinstall {
		return fmt.Sprintf("Type(%d)", int(t))
	}
	return typeNames[t]
}

// MarshalText returns the type's name.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// ParseType reads the name of a type as it is written in tags. There is no
// tag for None, so "none" is no type.
func ParseType(s string) (Type, bool) {
	for t := FixStorage; t <= Reinstall; t++ {
		if typeNames[t] == s {
			return t, true
		}
	}
	return None, false
}

// Permits reports whether a permission of type t covers a repair of type need.
// None permits nothing.
func (t Type) Permits(need Type) bool { return t != None && t >= need }

// Outcome is how a repair ended, as its result tag says.
type Outcome string

// The outcomes of a repair.
const (
	Success Outcome = "success" // the instance is healthy
	Failure Outcome = "failure" // a person has to look; the instance is left alone until the tag is gone (S11)
	Enoperm Outcome = "enoperm" // the repair's type does not permit the next step (S3, S9)
)

// ParseOutcome reads an outcome as it is written in result tags.
func ParseOutcome(s string) (Outcome, bool) {
	switch o := Outcome(s); o {
	case Success, Failure, Enoperm:
		return o, true
	}
	return "", false
}
