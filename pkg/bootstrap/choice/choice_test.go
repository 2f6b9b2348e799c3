package choice_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// types are wanted instance types: one for each VM, and two for the workers.
const types = "director: {instance_type: d.1}\nweb: {instance_type: w.1}\nworkers: {instance_types: [k.1, k.2]}\n"

// onAWS is a perpetual.yml with these types.
const onAWS = "aws: {region: eu-central-1}\n" + types

// everywhere are the offerings of a region in which all zones have everything, with some
// types offered elsewhere: "k.1=b c", or nowhere: "k.1=".
func everywhere(but ...string) map[string][]string {
	offered := map[string][]string{}
	for _, t := range []string{"d.1", "w.1", "k.1", "k.2", "p.1"} {
		offered[t] = []string{"a", "b", "c"}
	}
	for _, one := range but {
		name, zones, _ := strings.Cut(one, "=")
		offered[name] = strings.Fields(zones)
	}
	return offered
}

// The VMs go into a zone that has a type for each of them, and the workers get the first
// of their types that is offered there.
func TestPlaces_areWhereEverythingIsOffered(t *testing.T) {
	for name, of := range map[string]struct {
		config  string
		offered map[string][]string
		zones   []string
		worker  string
		spread  int
	}{
		"all zones have all":                   {onAWS, everywhere(), []string{"a", "b"}, "k.1", 2},
		"the first lacks the web's":            {onAWS, everywhere("w.1=b c"), []string{"b", "c"}, "k.1", 2},
		"the first has the workers' second":    {onAWS, everywhere("k.1=c"), []string{"a", "b"}, "k.2", 2},
		"one has all, and a second is needed":  {onAWS, everywhere("d.1=c"), []string{"c", "a"}, "k.1", 1},
		"zones that the user names":            {"aws: {region: eu-central-1, zones: [c, a]}\n" + types, everywhere(), []string{"c", "a"}, "k.1", 2},
		"the user's second lacks the workers'": {"aws: {region: eu-central-1, zones: [c, a]}\n" + types, everywhere("k.1=c"), []string{"c", "a"}, "k.1", 1},
		"the user's first lacks the first":     {"aws: {region: eu-central-1, zones: [c, a]}\n" + types, everywhere("k.1=a b"), []string{"c", "a"}, "k.2", 2},
		"a database VM is looked at":           {onAWS + "database: {kind: vm, instance_type: p.1}\n", everywhere("p.1=b c"), []string{"b", "c"}, "k.1", 2},
		"a database service is not":            {onAWS + "database: {kind: rds, instance_type: p.1}\n", everywhere("p.1=b c"), []string{"a", "b"}, "k.1", 2},
	} {
		var warned []string
		c := &cloud{zones: []string{"a", "b", "c"}, offered: of.offered}
		ch, chosen := chooser(t, c, of.config, record.Choice{}, &warned)
		if _, err := ch.Places(t.Context(), false); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := map[string]string{"director": "d.1", "web": "w.1", "worker": of.worker}
		if strings.Contains(of.config, "vm") {
			want["database"] = "p.1"
		}
		if !slices.Equal(chosen.Zones, of.zones) || chosen.Spread != of.spread || !maps.Equal(chosen.InstanceTypes, want) {
			t.Errorf("%s: zones %q, of which %d offer all, types %v; want %q, %d, %v", name, chosen.Zones, chosen.Spread, chosen.InstanceTypes, of.zones, of.spread, want)
		}
		if !slices.IsSorted(c.asked) || len(slices.Compact(slices.Clone(c.asked))) != len(c.asked) {
			t.Errorf("%s: it asks for %q", name, c.asked)
		}
	}
}

// A VM does not move, and does not get another type, because AWS offers more now.
func TestPlaces_stayWhereSomethingIsMade(t *testing.T) {
	before := record.Choice{Spread: 2, Zones: []string{"c", "b"}, InstanceTypes: map[string]string{"director": "d.1", "web": "w.0", "worker": "k.2", "database": "p.1"}}
	for name, of := range map[string]struct {
		made    bool
		offered map[string][]string
		zones   []string
		worker  string
		spread  int
	}{
		"something is made":                    {true, everywhere(), []string{"c", "b"}, "k.2", 2},
		"the type is not offered any more":     {true, everywhere("k.2="), []string{"c", "b"}, "k.2", 0},
		"a run was refused before it made any": {false, everywhere(), []string{"a", "b"}, "k.2", 2},
	} {
		var warned []string
		was := before
		was.InstanceTypes = maps.Clone(before.InstanceTypes)
		ch, chosen := chooser(t, &cloud{zones: []string{"a", "b", "c"}, offered: of.offered}, onAWS, was, &warned)
		if _, err := ch.Places(t.Context(), of.made); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The web's type is not wanted any more, and there is no database VM.
		want := map[string]string{"director": "d.1", "web": "w.1", "worker": of.worker}
		if !slices.Equal(chosen.Zones, of.zones) || chosen.Spread != of.spread || !maps.Equal(chosen.InstanceTypes, want) {
			t.Errorf("%s: zones %q, of which %d offer all, types %v; want %q, %d, %v", name, chosen.Zones, chosen.Spread, chosen.InstanceTypes, of.zones, of.spread, want)
		}
	}
}

func TestPlaces_sayWhatToChoose(t *testing.T) {
	failed := errors.New("no answer")
	for name, of := range map[string]struct {
		config  string
		offered map[string][]string
		broken  map[string]error
		says    []string
	}{
		"a zone that is not there": {"aws: {region: eu-central-1, zones: [a, z]}\n" + types, everywhere(), nil,
			[]string{"aws.zones", "region eu-central-1 has no zone z for this account", "it has a, b, c"}},
		"a type that the user's zone lacks": {"aws: {region: eu-central-1, zones: [a, b]}\n" + types, everywhere("k.1=b c", "k.2=c"), nil,
			[]string{"zone a offers none of the instance types for the worker: k.1, k.2", "another zone in aws.zones", "(offered: k.1 in b c; k.2 in c)"}},
		"a type that no zone has": {onAWS, everywhere("w.1="), nil,
			[]string{"none of the instance types for the web: w.1", "choose others", "nowhere in this region"}},
		"zones that cannot be listed":     {onAWS, everywhere(), map[string]error{"zones": failed}, []string{"no answer"}},
		"offerings that cannot be listed": {onAWS, everywhere(), map[string]error{"offerings": failed}, []string{"no answer"}},
	} {
		var warned []string
		ch, chosen := chooser(t, &cloud{zones: []string{"a", "b", "c"}, offered: of.offered, broken: of.broken}, of.config, record.Choice{}, &warned)
		_, err := ch.Places(t.Context(), false)
		testkit.Refused(t, name, err, of.says...)
		if chosen.InstanceTypes != nil {
			t.Errorf("%s: it chooses %v", name, chosen.InstanceTypes)
		}
	}
}

// A user who runs it again after a refusal reads the same sentence.
func TestPlaces_refuseTheSameEachTime(t *testing.T) {
	said := map[string]bool{}
	for range 40 {
		var warned []string
		ch, _ := chooser(t, &cloud{zones: []string{"a", "b"}, offered: map[string][]string{}}, onAWS, record.Choice{}, &warned)
		_, err := ch.Places(t.Context(), false)
		testkit.Refused(t, "nothing is offered", err, "zone a offers none of the instance types for the director: d.1")
		said[err.Error()] = true
	}
	if len(said) != 1 {
		t.Errorf("it says %q", reflect.ValueOf(said).MapKeys())
	}
}
