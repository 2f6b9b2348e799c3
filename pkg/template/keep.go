package template

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Keep finds the values that the variables of a template have in a running
// document that was rendered from it or from an earlier version of it. So what
// a user does not set again keeps its last value, and credentials need not pass
// through the pipeline. It knows every form of the template engine: ((a)),
// ((!a)), ((/a/b)), ((a.b)), whose value is in a map under a, and all of them
// inside of texts. A variable that is null or gone is left out. What is not
// certain is left out, and named in unsure: a variable that stands in two places
// with two values, and variables in one text that could have come about in
// several ways.
//
// Lists of named things are matched by name, others by position when both are
// of one length. A placeholder in the running document, such as
// ((vault:concourse/token)), is a value like any other; but one that the director
// fills in, as the section variables says, stays the director's.
func Keep(tmpl, running []byte) (kept map[string]any, unsure []string, err error) {
	var t, r any
	if err := Decode(tmpl, &t); err != nil {
		return nil, nil, fmt.Errorf("parse the template: %w", err)
	}
	if err := Decode(running, &r); err != nil {
		return nil, nil, fmt.Errorf("parse the running document: %w", err)
	}
	k := &keeper{whole: map[string]any{}, inText: map[string]string{}, open: map[string]bool{}, unsure: map[string]bool{}}
	k.walk(t, r)
	for _, pair := range k.texts {
		k.match(pair)
	}
	return k.result(defined(t)), slices.Sorted(maps.Keys(k.unsure)), nil
}

// keeper collects values by references: by the names of variables with their
// members, such as "tls.certificate".
type keeper struct {
	whole  map[string]any    // of variables that are a whole value
	inText map[string]string // of those that are a part of a text
	open   map[string]bool   // those that are a whole value where nothing runs yet
	texts  []text
	unsure map[string]bool
}

// text is a text with variables in it, and what runs in its place.
type text struct{ tmpl, running string }

// gone is what runs in a place that is new in the template.
type gone struct{}

// walk goes down both documents at the same places.
func (k *keeper) walk(tmpl, running any) {
	switch t := tmpl.(type) {
	case string:
		k.text(t, running)
	case map[any]any:
		r, _ := running.(map[any]any)
		for key, item := range t {
			if value, has := r[key]; has {
				k.walk(item, value)
			} else {
				k.walk(item, gone{})
			}
		}
	case []any:
		r, _ := running.([]any)
		k.walkList(t, r)
	}
}

// text notes the value of what is a variable and nothing else, and the texts that
// hold variables among others.
func (k *keeper) text(tmpl string, running any) {
	if m := placeholder.FindStringSubmatch(tmpl); m != nil && m[0] == tmpl {
		k.bind(m[1], running)
		return
	}
	if r, isText := running.(string); isText && placeholder.MatchString(tmpl) {
		k.texts = append(k.texts, text{tmpl, r})
	}
}

// walkList matches by name, and what has one name in order, if it is as often
// in both lists; what has no name by position.
func (k *keeper) walkList(tmpl, running []any) {
	for i, item := range tmpl {
		var partner any = gone{}
		key, name := nameOf(item)
		if same := named(running, key, name); key == "" {
			if len(tmpl) == len(running) {
				partner = running[i]
			}
		} else if len(same) == len(named(tmpl, key, name)) {
			partner = same[len(named(tmpl[:i], key, name))]
		}
		k.walk(item, partner)
	}
}

// bind notes a value, or that it is not certain.
func (k *keeper) bind(ref string, value any) {
	if value == (any)(gone{}) {
		k.open[ref] = true
		return
	}
	if known, seen := k.whole[ref]; seen && !reflect.DeepEqual(known, value) {
		k.unsure[ref] = true
	}
	k.whole[ref] = value
}

// match takes the values of the variables in a text out of what runs. Those that
// are known from elsewhere help to tell the others.
func (k *keeper) match(t text) {
	refs, values, certain := k.taken(t, true)
	if values == nil {
		refs, values, certain = k.taken(t, false)
	}
	for i, value := range values {
		ref := refs[i]
		if known, seen := k.inText[ref]; !certain || seen && known != value {
			k.unsure[ref] = true
		} else if whole, seen := k.whole[ref]; seen && fmt.Sprint(whole) != value {
			k.unsure[ref] = true
		} else {
			k.inText[ref] = value
		}
	}
}

// maxPattern bounds the work on one text.
const maxPattern = 1 << 14

// taken are the values of the variables in a text; nil if it is another text now. They are
// certain if there is one way only in which the text can have come about: if the
// first variable is as long as it can be and as short as it can be, and then the
// second one, and so on.
func (k *keeper) taken(t text, withKnown bool) (refs, values []string, certain bool) {
	if len(t.tmpl)+len(t.running) > maxPattern {
		return nil, nil, false
	}
	short, long := "", ""
	places := placeholder.FindAllStringSubmatchIndex(t.tmpl, -1)
	last := 0
	for _, at := range places {
		literal := regexp.QuoteMeta(t.tmpl[last:at[0]])
		ref := t.tmpl[at[2]:at[3]]
		last = at[1]
		if known, seen := k.whole[ref]; seen && withKnown {
			literal += regexp.QuoteMeta(fmt.Sprint(known))
			short, long = short+literal, long+literal
			continue
		}
		refs = append(refs, ref)
		short, long = short+literal+"(.*?)", long+literal+"(.*)"
	}
	end := regexp.QuoteMeta(t.tmpl[last:]) + `\z`
	lazy := regexp.MustCompile(`(?s)\A` + short + end).FindStringSubmatch(t.running)
	greedy := regexp.MustCompile(`(?s)\A` + long + end).FindStringSubmatch(t.running)
	if lazy == nil {
		return nil, nil, false
	}
	return refs, lazy[1:], slices.Equal(lazy, greedy)
}

// result puts the values together, members into maps.
func (k *keeper) result(defined map[string]bool) map[string]any {
	maps.DeleteFunc(k.whole, func(_ string, value any) bool { return value == nil })
	for ref, value := range k.inText {
		if _, seen := k.whole[ref]; seen {
			continue
		}
		// "80" of a text was a number perhaps; where the whole value is one, too, and
		// nothing runs there yet, that cannot be told.
		if meant, err := decode([]byte(value)); k.open[ref] && (err != nil || reflect.ValueOf(meant).Kind() != reflect.String) {
			continue
		}
		k.whole[ref] = value
	}
	kept := map[string]any{}
	for _, ref := range slices.Sorted(maps.Keys(k.whole)) { // a before a.b
		name, members := split(ref)
		value := TextKeys(k.whole[ref])
		if k.unsure[ref] || defined[name] && isPlaceholder(value, name) {
			continue
		}
		_, whole := k.whole[name]
		if !whole && k.open[name] { // the members that are known are not all of it perhaps
			continue
		}
		if whole && len(members) > 0 { // a holds a.b
			if is, found := member(kept[name], members); found && !reflect.DeepEqual(TextKeys(is), value) {
				k.unsure[ref] = true
			}
			continue
		}
		set(kept, name, members, value)
	}
	return kept
}

// isPlaceholder says whether a value is a variable of that name, or a member of one.
func isPlaceholder(value any, name string) bool {
	text, _ := value.(string)
	m := placeholder.FindStringSubmatch(text)
	if m == nil || m[0] != text {
		return false
	}
	is, _ := split(m[1])
	return is == name
}

// defined are the names in the section variables of a manifest.
func defined(root any) map[string]bool {
	names := map[string]bool{}
	top, _ := root.(map[any]any)
	list, _ := top["variables"].([]any)
	for _, item := range list {
		definition, _ := item.(map[any]any)
		if name, isText := definition["name"].(string); isText {
			names[name] = true
		}
	}
	return names
}

// nameOf is what people tell list items apart by: BOSH's name and alias, the
// names of Concourse's steps. A variable is no name. The key is "" for items without one.
func nameOf(item any) (key, name string) {
	m, ok := item.(map[any]any)
	if !ok {
		return "", ""
	}
	for _, key := range []string{"name", "alias", "get", "put", "task", "set_pipeline", "load_var"} {
		if name, ok := m[key].(string); ok && !placeholder.MatchString(name) {
			return key, name
		}
	}
	return "", ""
}

// named are the items of a list that have a name.
func named(list []any, key, name string) []any {
	var same []any
	for _, item := range list {
		if m, ok := item.(map[any]any); ok && key != "" && m[key] == name {
			same = append(same, item)
		}
	}
	return same
}

// split parts a reference into the name of a variable and the members in its
// value: "tls.certificate" into "tls" and ["certificate"]. The engine takes
// slashes behind the first dot for dots.
func split(ref string) (name string, members []string) {
	name, rest, has := strings.Cut(ref, ".")
	if has {
		members = strings.Split(strings.ReplaceAll(rest, "/", "."), ".")
	}
	return name, members
}
