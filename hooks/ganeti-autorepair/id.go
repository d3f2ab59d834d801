package main

import "crypto/rand"

// idLength leaves room for seven 7-digit job ids in a result tag (T8).
const idLength = 8

// newID returns a random repair id of lower-case letters and digits without
// those that are easily mistaken for one another.
func newID() string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789" // 31
	id := make([]byte, 0, idLength)
	var b [1]byte
	for len(id) < idLength {
		if _, err := rand.Read(b[:]); err != nil {
			panic("no randomness: " + err.Error())
		}
		if n := int(b[0]); n < 248 { // 8 * 31, so that every letter is as likely
			id = append(id, letters[n%len(letters)])
		}
	}
	return string(id)
}
