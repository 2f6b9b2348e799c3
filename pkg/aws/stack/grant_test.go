package stack_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// judged compares what a principal may do with what it should.
func judged(t *testing.T, who string, set iam.Set, p place, calls map[string]call, allowed bool) {
	t.Helper()
	for _, title := range slices.Sorted(maps.Keys(calls)) {
		c := calls[title]
		keys := iam.Context{"aws:RequestedRegion": {p.region}}
		maps.Copy(keys, c.keys)
		err := set.Allows(iam.Request{Action: c.action, Resources: c.parts, Context: keys})
		var denied *iam.Denied
		if err != nil && !errors.As(err, &denied) {
			t.Errorf("%s, %s: %v", who, title, err)
		} else if (err == nil) != allowed {
			t.Errorf("%s, %s: allowed is %v, want %v (%v)", who, title, err == nil, allowed, err)
		}
	}
}

func TestPolicies_allowWhatTheCPIDoes(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	judged(t, "director", all["director"], p, p.cpi("WorkerRole"), true)
	spot := p.launch(part(p.arn("spot-instances-request/sir-1")))
	judged(t, "director", all["director"], p, map[string]call{"launch a spot instance": spot, "make the role of spot": linked("spot.amazonaws.com")}, true)
	web := p
	web.profile = p.resources["WebProfile"].Attributes["Arn"]
	judged(t, "director, web", all["director"], web, web.cpi("WebRole", "WebAddress"), true)
	director := p
	director.profile = p.resources["DirectorProfile"].Attributes["Arn"]
	for _, who := range []string{"pipeline", "installer"} {
		judged(t, who, all[who], director, director.cpi("DirectorRole", "DirectorAddress"), true)
	}
}

// TestPolicies_denyWhatIsOfOthers: another installation's VM, the director's own, a VM
// of the account that has nothing to do with us, another VPC, region or key.
func TestPolicies_denyWhatIsOfOthers(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	for _, who := range []string{"director", "pipeline", "installer", "web", "worker"} {
		judged(t, who, all[who], p, p.foreign(), false)
	}
	// What the installer may do, as it makes and removes all this, and others may not.
	for _, who := range []string{"director", "pipeline", "web", "worker"} {
		judged(t, who, all[who], p, p.narrow(), false)
	}
	own := p
	own.profile = p.resources["DirectorProfile"].Attributes["Arn"]
	judged(t, "director", all["director"], p, map[string]call{
		"end itself": of("ec2:TerminateInstances", own.vm()), "launch another director": own.launch(), "be another director": own.pass("DirectorRole"),
	}, false)
	judged(t, "pipeline", all["pipeline"], p, map[string]call{
		"end a worker": of("ec2:TerminateInstances", p.vm()), "launch a worker": p.launch(), "be a worker": p.pass("WorkerRole"), "be the web": p.pass("WebRole"),
	}, false)
	far := p
	far.region = "us-east-1"
	for _, who := range []string{"director", "web", "worker"} {
		judged(t, who, all[who], far, far.cpi("PipelineRole", "WebAddress"), false)
	}
	elsewhere := far.cpi("PipelineRole", "WebAddress")
	maps.DeleteFunc(elsewhere, func(title string, _ call) bool { return strings.HasPrefix(title, "look for") })
	for _, who := range []string{"pipeline", "installer"} {
		if who == "installer" { // which passes every role of the stack
			delete(elsewhere, "pass a role")
		}
		judged(t, who, all[who], far, elsewhere, false)
	}
}

// TestPolicies_allowWhatTheProgramsDo: what Concourse's web, the pipeline and the
// installer call themselves. What CloudFormation calls for them is seen where it does.
func TestPolicies_allowWhatTheProgramsDo(t *testing.T) {
	w := newWorld(t)
	p := everything()
	p.StateBucket = "state"
	w.made(t, p)
	all, at := actors(t, w), here(t, w)
	judged(t, "web", all["web"], at, programs("web"), true)
	judged(t, "pipeline", all["pipeline"], at, programs("both"), true)
	judged(t, "installer", all["installer"], at, programs("both"), true)
	judged(t, "installer", all["installer"], at, programs("installer"), true)
}
