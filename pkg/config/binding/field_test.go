package binding_test

import (
	"math"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/binding"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

func TestField_isOneOfAValueAndNotOfASection(t *testing.T) {
	s := newGarden(t)
	for key, want := range map[string]bool{"name": true, "pond.fish": true, "shed.roof.tiles": true, "pond": false, "shed.roof": false, "": false, "Name": false, "pond.fish.x": false, "notes": false, "-": false} {
		if f, known := s.Field(key); known != want || known && f.Key != key {
			t.Errorf("%q: %q, %t", key, f.Key, known)
		}
	}
}

// A value that does not fit takes away what was there: half of it would be neither.
func TestAssign_leavesNothingOfAValueThatDoesNotFit(t *testing.T) {
	for key, value := range map[string]any{
		"name": 7, "beds": "3", "open": "true", "key": 7, "plants": []any{"oak", 7}, "labels": map[string]any{"team": 7, "a": "b"}, "pond.fish": 1.5,
		"shed.codes": map[string]any{"door": 7, "gate": "1"}, "shed.vars": []any{}, "shed.roof.tiles": nil,
	} {
		c, f := read(t, full), field(t, key)
		err := f.Assign(c, value)
		if err == nil || !strings.HasPrefix(err.Error(), key+": want a value of type ") || strings.Contains(err.Error(), "7") {
			t.Errorf("%s: error = %v", key, err)
		}
		if f.Set(c) {
			t.Errorf("%s is still %v", key, f.Value(c))
		}
		for _, other := range newGarden(t).Fields() {
			if other.Key != key && !equal(other.Value(c), other.Value(read(t, full))) {
				t.Errorf("%s: %s has become %v", key, other.Key, other.Value(c))
			}
		}
	}
}

// A float holds whole numbers up to 2^53; what is larger may have been another one.
func TestAssign_takesNoNumberThatAFloatCannotHold(t *testing.T) {
	for _, of := range []struct {
		value any
		want  int
		ok    bool
	}{
		{float64(1<<53 - 1), 1<<53 - 1, true}, {float64(1 << 53), 0, false}, {-float64(1<<53 - 1), -(1<<53 - 1), true}, {-float64(1 << 53), 0, false},
		{math.Inf(1), 0, false}, {math.NaN(), 0, false}, {int64(math.MaxInt64), math.MaxInt64, true}, {uint64(3), 0, false}, {0.0, 0, true}, {true, 0, false},
	} {
		var c garden
		if err := field(t, "beds").Assign(&c, of.value); c.Beds != of.want || (err == nil) != of.ok {
			t.Errorf("%v: %d, %v", of.value, c.Beds, err)
		}
	}
}

// The schema of the garden has no bounds for the pond.
func TestRead_refusesANumberThatNoFieldHolds(t *testing.T) {
	for _, number := range []string{"1e300", "18446744073709551615"} {
		r, err := newGarden(t).Read("garden.yml", []byte("pond: {depth: "+number+"}\n"))
		if err == nil || err.Error() != "garden.yml: pond.depth: want a value of type integer" || r.Value != nil || r.Source == nil {
			t.Errorf("%s: %+v, %v", number, r.Value, err)
		}
	}
}

func TestAssign_sharesNothingWithWhatItIsGiven(t *testing.T) {
	var c garden
	inner := map[string]any{"b": []any{"x"}}
	given := map[string]any{"a": inner}
	if err := field(t, "shed.vars").Assign(&c, given); err != nil {
		t.Fatal(err)
	}
	inner["b"].([]any)[0], given["z"] = "y", 1
	if want := map[string]any{"a": map[string]any{"b": []any{"x"}}}; !equal(c.Shed.Vars, want) {
		t.Errorf("it has become %v", c.Shed.Vars)
	}
	plain := field(t, "shed.vars").Plain(&c).(map[string]any)
	plain["a"].(map[string]any)["b"].([]any)[0] = "z"
	if want := map[string]any{"a": map[string]any{"b": []any{"x"}}}; !equal(c.Shed.Vars, want) {
		t.Errorf("by what Plain gave it has become %v", c.Shed.Vars)
	}
}

func TestTree_hasEmptyListsButNotWhatIsUnset(t *testing.T) {
	s := newGarden(t)
	no := false
	tree := s.Tree(&garden{Plants: []string{}, Labels: map[string]string{}, Open: &no, Notes: "n"})
	if want := map[string]any{"plants": []any{}, "labels": map[string]any{}, "open": false}; !equal(tree, want) {
		t.Errorf("got %#v", tree)
	}
	if empty := s.Tree(&garden{}); empty == nil || len(empty) > 0 {
		t.Errorf("of nothing: %#v", empty)
	}
	back, err := s.FromTree(map[string]any{"pond": "water", "shed": map[string]any{"roof": 7}, "beds": nil, "frogs": 1})
	if err != nil || !equal(back, &garden{}) {
		t.Errorf("what is not in its place gives %+v, %v", back, err)
	}
}

// inner and outer are sections within a section that may be absent.
type inner struct {
	A string `yaml:"a,omitempty"`
}

type outer struct {
	In *inner `yaml:"in,omitempty"`
	B  string `yaml:"b,omitempty"`
}

type nest struct {
	Out *outer `yaml:"out,omitempty"`
}

func TestBinding_makesSectionsWithinSections(t *testing.T) {
	const text = `{"properties": {"out": {"type": "object", "properties": {"in": {"type": "object", "properties": {"a": {"type": "string"}}}, "b": {"type": "string"}}}}}`
	s, err := binding.New[nest]([]byte(text), schema.Options{File: "nest.yml"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Read("nest.yml", []byte("out: {in: {a: x}}\n"))
	if err != nil || len(r.Problems) > 0 || !equal(r.Value, &nest{Out: &outer{In: &inner{A: "x"}}}) {
		t.Fatalf("got %+v, %v, %v", r.Value, r.Problems, err)
	}
	for name, c := range map[string]*nest{"all": r.Value, "without the inner one": {Out: &outer{B: "y"}}, "an empty inner one": {Out: &outer{In: &inner{}}}, "an empty outer one": {Out: &outer{}}, "none": {}} {
		if again, err := s.FromTree(s.Tree(c)); err != nil || !equal(again, c) {
			t.Errorf("%s, by its tree: %+v, %v", name, again, err)
		}
		copied := s.Clone(c)
		if !equal(copied, c) || c.Out != nil && (copied.Out == c.Out || c.Out.In != nil && copied.Out.In == c.Out.In) {
			t.Errorf("%s, copied: %+v", name, copied)
		}
	}
	f, _ := s.Field("out.in.a")
	if f.Set(&nest{}) || f.Set(&nest{Out: &outer{}}) || f.Value(&nest{Out: &outer{}}) != nil {
		t.Error("a value of a section that is absent is set")
	}
	f.Clear(&nest{Out: &outer{}})
}
