package choice_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// An account is asked for what an installation needs at its largest: while the director
// compiles releases on two VMs, all others run.
func TestRoom_countsAllThatRunsAtOnce(t *testing.T) {
	type count = map[string]int
	chosen := map[string]string{"director": "d.1", "web": "w.1", "worker": "k.1"}
	with := func(database string) map[string]string {
		return map[string]string{"director": "d.1", "web": "w.1", "worker": "k.1", "database": database}
	}
	for name, of := range map[string]struct {
		config string
		types  map[string]string
		want   quota.Needs
	}{
		"a network of its own": {"aws: {region: eu-central-1}\nworkers: {count: 3}\nupgrade: {worker_tag: null}\n", chosen,
			quota.Needs{VPCs: 1, Addresses: 3, OnDemand: count{"d.1": 1, "w.1": 1, "k.1": 2}, Spot: count{"k.1": 3}}},
		"a network that exists": {network("subnet-0000000b", "subnet-0000001b", "") + "upgrade: {worker_tag: null}\n", chosen,
			quota.Needs{Addresses: 2, OnDemand: count{"d.1": 1, "w.1": 1, "k.1": 2}, Spot: count{"k.1": 1}}},
		"no spot instances": {"aws: {region: eu-central-1}\nworkers: {count: 3, spot: false}\nupgrade: {worker_tag: null}\n", chosen,
			quota.Needs{VPCs: 1, Addresses: 3, OnDemand: count{"d.1": 1, "w.1": 1, "k.1": 5}, Spot: count{}}},
		"a worker for upgrades": {"aws: {region: eu-central-1}\nworkers: {count: 1}\nupgrade: {worker_tag: own}\n", chosen,
			quota.Needs{VPCs: 1, Addresses: 3, OnDemand: count{"d.1": 2, "w.1": 1, "k.1": 2}, Spot: count{"k.1": 1}}},
		"a database VM of the web's type": {"aws: {region: eu-central-1}\nworkers: {count: 1}\nupgrade: {worker_tag: null}\n", with("w.1"),
			quota.Needs{VPCs: 1, Addresses: 3, OnDemand: count{"d.1": 1, "w.1": 2, "k.1": 2}, Spot: count{"k.1": 1}}},
	} {
		var warned []string
		c := &cloud{}
		ch, _ := chooser(t, c, of.config, record.Choice{InstanceTypes: of.types}, &warned)
		if err := ch.Room(t.Context()); err != nil || !reflect.DeepEqual(c.needs, of.want) || len(warned) > 0 {
			t.Errorf("%s: it asks for %+v, %v, %q; want %+v", name, c.needs, err, warned, of.want)
		}
	}
}

// What is short stops the deploy before anything is made; what may not be looked at does not.
func TestRoom_refusesWhatTheAccountHasNoRoomFor(t *testing.T) {
	var warned []string
	c := &cloud{room: quota.Answer{Unknown: []string{"the quota of VPCs may not be looked at"}, Notes: []string{"spot instances will be on-demand"}}}
	ch, _ := chooser(t, c, onAWS, record.Choice{}, &warned)
	if err := ch.Room(t.Context()); err != nil || !slices.Equal(warned, []string{"the quota of VPCs may not be looked at", "spot instances will be on-demand"}) {
		t.Errorf("it warns of %q, %v", warned, err)
	}
	c.room.Short = []string{"5 addresses of 5 are used", "no VPC is left"}
	testkit.Refused(t, "too little room", ch.Room(t.Context()), "the account allows too little; nothing was created: 5 addresses of 5 are used; no VPC is left")
	c.broken = map[string]error{"quotas": errors.New("no answer")}
	testkit.Refused(t, "no answer", ch.Room(t.Context()), "look at the account's quotas: no answer")
}

// A key pair of the name that the stack's gets is somebody's, and is not taken.
func TestRoom_refusesAKeyPairThatIsThere(t *testing.T) {
	const way = "nothing was created: if nothing uses it, delete it (aws ec2 delete-key-pair --region eu-central-1 --key-name perpetual-ci), or give the installation another name"
	for name, of := range map[string]struct {
		tags map[string]string
		says string
	}{
		"somebody's":             {map[string]string{"Name": "ops"}, "that Perpetual has not made"},
		"an earlier stack's":     {map[string]string{"perpetual:name": "ci"}, "that an earlier stack of this installation has left"},
		"another installation's": {map[string]string{"perpetual:name": "prod"}, "of installation prod"},
	} {
		var warned []string
		c := &cloud{pairs: map[string]account.KeyPair{"perpetual-ci": {ID: "key-1", Tags: of.tags}}, room: quota.Answer{Notes: []string{"a note"}}}
		ch, _ := chooser(t, c, onAWS, record.Choice{}, &warned)
		testkit.Refused(t, name, ch.Room(t.Context()), "there is a key pair perpetual-ci in eu-central-1 already, "+of.says, way)
		if len(warned) > 0 {
			t.Errorf("%s: it warns of %q", name, warned)
		}
	}
	var warned []string
	failed := errors.New("no answer")
	ch, _ := chooser(t, &cloud{broken: map[string]error{"key pair": failed}}, onAWS, record.Choice{}, &warned)
	if err := ch.Room(t.Context()); !errors.Is(err, failed) {
		t.Errorf("a key pair that cannot be looked for: %v", err)
	}
}
