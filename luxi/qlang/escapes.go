package qlang

import (
	"errors"
	"regexp/syntax"
	"strings"
)

// whiteSpace maps letters to the characters that they stand for behind an escape sign.
var whiteSpace = map[byte]byte{'t': '\t', 'n': '\n', 'f': '\f', 'r': '\r'}

// unescaped returns the text between delimiters as pyparsing's QuotedString does, and
// whether all its releases agree: escaped letters of white space become white space,
// and all other escape signs are removed. Debian 12's (3.0) replaces the former
// first, even behind an escaped \; Debian 13's (3.1) goes from left to right.
func unescaped(s string) (text string, clear bool) {
	text, first := stripped(s, whiteSpace), s
	for letter, c := range whiteSpace {
		first = strings.ReplaceAll(first, `\`+string(letter), string(c))
	}
	return text, text == stripped(first, nil)
}

// stripped returns s without escape signs.
func stripped(s string, meaning map[byte]byte) string {
	var b strings.Builder
	for k := 0; k < len(s); k++ {
		c := s[k]
		if c == '\\' && k+1 < len(s) && s[k+1] != '\n' {
			k++
			c = s[k]
			if stands, ok := meaning[c]; ok {
				c = stands
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// broken returns what is wrong with a regular expression in every dialect, and the
// empty string if nothing is. An expression that only Go's dialect refuses is left
// to luxid, which has another one (PCRE).
func broken(expr string) string {
	_, err := syntax.Parse(expr, syntax.Perl)
	var e *syntax.Error
	if errors.As(err, &e) {
		switch e.Code {
		case syntax.ErrMissingParen, syntax.ErrMissingBracket, syntax.ErrMissingRepeatArgument, syntax.ErrTrailingBackslash, syntax.ErrUnexpectedParen:
			return string(e.Code)
		}
	}
	return ""
}

// globPattern returns the regular expression for a pattern with * and ?, as
// DnsNameGlobPattern in lib/utils/text.py does.
func globPattern(glob string) string {
	var b strings.Builder
	b.WriteByte('^')
	for _, c := range glob {
		switch {
		case c == '*':
			b.WriteString("[^.]*")
		case c == '?':
			b.WriteString("[^.]")
		case strings.ContainsRune("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", c):
			b.WriteString("\\" + string(c))
		default:
			b.WriteRune(c)
		}
	}
	b.WriteString(`(\..*)?$`)
	return b.String()
}
