package main

import (
	"crypto/rand"

	"ganeti-autorepair/tagstore"
)

// newID returns a random repair id of a kind.
func newID(kind tagstore.IDKind) string {
	id, err := tagstore.NewID(kind, rand.Reader)
	if err != nil {
		panic(err) // no randomness, or a kind of which no ids are made
	}
	return id
}

// policyID returns the id of a repair that a pass begins by policy (P22).
func (e *env) policyID() string { return e.newID(tagstore.ByPolicy) }
