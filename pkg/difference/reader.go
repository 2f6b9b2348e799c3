package difference

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v2" // that of the bosh CLI

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Reader takes documents apart. The zero Reader has no variables and no key.
type Reader struct {
	// Vars fill ((placeholders)); one without a value stays as it is.
	Vars secret.Values
	// Secret names the variables that are never shown, beside those whose names tell.
	Secret map[string]bool
	// Doubtful names variables that somebody else has made up: they are shown where they
	// are no text, stand where no secret does, such as in url and sha1, or are a URL.
	Doubtful map[string]bool
	// Transient names variables that say nothing of the document: what holds one is left out.
	Transient map[string]bool
	// Key makes seals; without one two hidden values are not told apart.
	Key secret.Value
}

// Read gives the leaves of a YAML text in an order that depends on nothing else.
func (r Reader) Read(text []byte) ([]Leaf, error) {
	var root any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, errors.New("read a document to compare: it is not YAML")
	}
	return r.Leaves(root), nil
}

// ReadLike is Read of a text that others may have written, such as what is deployed now:
// its values are shown where like, the wanted document, shows a value of its own in the
// same place, and taken for doubtful elsewhere. Hidden values of both are told apart.
func (r Reader) ReadLike(text []byte, like []Leaf) ([]Leaf, error) {
	var root any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, errors.New("read a document to compare: it is not YAML")
	}
	r.Vars = nil
	w := walk{reader: r, like: map[string]Leaf{}}
	for _, l := range like {
		w.like[l.Path] = l
	}
	w.visit(nil, root, state{inside: true, doubtful: true})
	return w.leaves, nil
}

// Leaves gives the leaves of a document that is decoded already: maps, lists and scalars.
func (r Reader) Leaves(root any) []Leaf {
	w := walk{reader: r}
	w.visit(nil, root, state{})
	return w.leaves
}

// KeyID tells one key from another: seals of two keys are not to be compared.
func (r Reader) KeyID() string { return r.seal("", "key") }

// seal is 64 bits of a MAC over a value and its place.
func (r Reader) seal(path, value string) string {
	if r.Key.Empty() {
		return ""
	}
	mac := hmac.New(sha256.New, []byte("perpetual difference: "+r.Key.Reveal()))
	_, _ = fmt.Fprintf(mac, "%d %s %s", len(path), path, value)
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// state is what is known of a node by the variables that it came from.
type state struct {
	secret    bool
	doubtful  bool
	transient bool
	inside    bool // it is a variable's value, whose text has no placeholders
}

// with adds what a variable's name says.
func (s state) with(r Reader, name string) state {
	s.secret = s.secret || r.Secret[name] || telling([]string{name})
	s.doubtful = s.doubtful || r.Doubtful[name]
	s.transient = s.transient || r.Transient[name]
	return s
}

// walk collects leaves.
type walk struct {
	reader Reader
	leaves []Leaf
	wholes []string        // the values of the leaves, with what is hidden
	like   map[string]Leaf // of ReadLike
}

// visit goes through a node.
func (w *walk) visit(path []string, node any, s state) {
	if text, ok := node.(string); ok && !s.inside {
		if ref, whole := wholePlaceholder(text); whole {
			if value, found := w.reader.value(ref); found {
				s = s.with(w.reader, nameOf(ref))
				s.inside = true
				w.visit(path, value, s)
				return
			}
		}
	}
	switch v := node.(type) {
	case map[any]any, map[string]any:
		m := texts(v)
		if len(m) == 0 {
			w.scalar(path, "{}", s)
		}
		for _, key := range sortedKeys(m) {
			w.visit(append(slices.Clip(path), key), m[key], s)
		}
	case []string:
		w.visit(path, anyOf(v), s)
	case []any:
		w.list(path, v, s)
	default:
		w.scalar(path, v, s)
	}
}

// list goes through a list: one of scalars is a leaf of its own.
func (w *walk) list(path []string, items []any, s state) {
	if len(items) == 0 || !slices.ContainsFunc(items, w.structured) {
		inner, at := walk{reader: w.reader}, strings.Join(path, "/")
		like, alike := w.like[at]
		if s.doubtful = s.doubtful && !(alike && like.own()); alike && like.hides() {
			s.secret = true
		}
		for i, item := range items { // at a path of its own: of a list of secrets the name tells
			inner.visit(append(slices.Clip(path), fmt.Sprint(i)), item, s)
		}
		var shown []string
		for _, l := range inner.leaves {
			shown = append(shown, l.Text)
		}
		if len(inner.leaves) < len(items) { // a transient one
			return
		}
		w.add(Leaf{Path: at, Text: "[" + strings.Join(shown, ", ") + "]"}, strings.Join(inner.wholes, "\n"))
		return
	}
	seen := map[string]int{}
	for i, item := range items {
		label := fmt.Sprint(i)
		if m := texts(item); m != nil {
			if name, ok := m["name"].(string); ok {
				label, _, _ = w.fill(name, "name", state{inside: s.inside})
			}
		}
		if seen[label]++; seen[label] > 1 {
			label = fmt.Sprintf("%s (%d)", label, seen[label])
		}
		w.visit(append(slices.Clip(path), label), item, s)
	}
}

// structured says whether a node, or the variable that it is, is a map or a list.
func (w *walk) structured(node any) bool {
	if text, ok := node.(string); ok {
		ref, whole := wholePlaceholder(text)
		value, found := w.reader.value(ref)
		if !whole || !found {
			return false
		}
		node = value
	}
	switch node.(type) {
	case map[any]any, map[string]any, []any, []string:
		return true
	}
	return false
}

// scalar makes a leaf.
func (w *walk) scalar(path []string, value any, s state) {
	l := Leaf{Path: strings.Join(path, "/")}
	key := ""
	if len(path) > 0 {
		key = path[len(path)-1]
	}
	whole, isText := "", false
	switch v := value.(type) {
	case nil:
		l.Text = "null"
	case secret.Value:
		whole, isText, s.secret = v.Reveal(), true, true
	case string:
		whole, isText = v, true
	default:
		l.Text = fmt.Sprint(v)
		whole = l.Text
	}
	if like, alike := w.like[l.Path]; alike && like.hides() {
		s.secret = true
	} else if alike && like.own() {
		s.doubtful = false
	}
	_, isSwitch := value.(bool)
	hide := value != nil && (s.secret || telling(path) && !isSwitch)
	if isText {
		l.Text, whole, s = w.fill(whole, key, s)
	}
	if hide {
		l.Text = Hidden
	}
	if s.transient {
		return
	}
	w.add(l, whole)
}

// add adds a leaf, and its seal where something of the value is hidden. A hidden value
// that is the one of like is shown as that one is.
func (w *walk) add(l Leaf, whole string) {
	like, alike := w.like[l.Path]
	if l.hides() {
		l.Seal = w.reader.seal(l.Path, whole)
	}
	switch {
	case alike && !like.hides() && like.Text == whole: // the wanted one shows it, too
		l = like
	case like.Seal != "" && like.Seal == l.Seal:
		l.Text = like.Text
	}
	l.Text = abridged(l.Text)
	w.leaves, w.wholes = append(w.leaves, l), append(w.wholes, whole)
}

// fill gives a text with its variables' values: as it is shown, and whole.
func (w *walk) fill(text, key string, s state) (shown, whole string, _ state) {
	if s.inside {
		return reveal(text, key, s), text, s
	}
	var b, c strings.Builder
	for rest := text; ; {
		before, ref, after, found := cutPlaceholder(rest)
		b.WriteString(before)
		c.WriteString(before)
		if !found {
			break
		}
		rest = after
		value, has := w.reader.value(ref)
		if !has {
			b.WriteString("((" + ref + "))")
			c.WriteString("((" + ref + "))")
			continue
		}
		of := state{}.with(w.reader, nameOf(ref))
		s.transient = s.transient || of.transient
		filling := fmt.Sprint(value)
		if v, ok := value.(secret.Value); ok {
			filling, of.secret = v.Reveal(), true
		}
		c.WriteString(filling)
		if _, isText := value.(string); of.secret || isText && reveal(filling, key, of) != filling {
			filling = Hidden
		}
		b.WriteString(filling)
	}
	return withoutUser(b.String()), c.String(), s
}
