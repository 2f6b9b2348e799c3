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
	for _, who := range []string{"director", "pipeline", "installer", "web", "worker", "reader"} {
		judged(t, who, all[who], p, p.foreign(), false)
	}
	// What the installer may do, as it makes and removes all this, and others may not.
	for _, who := range []string{"director", "pipeline", "web", "worker", "reader"} {
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
	judged(t, "web", all["web"], at, at.programs("web"), true)
	judged(t, "reader", all["reader"], at, at.programs("reader"), true)
	judged(t, "pipeline", all["pipeline"], at, at.programs("both"), true)
	judged(t, "pipeline", all["pipeline"], at, at.programs("pipeline"), true)
	judged(t, "installer", all["installer"], at, at.programs("both"), true)
	judged(t, "installer", all["installer"], at, at.programs("installer"), true)
}

// TestPolicies_keepThePipelinesOwnParametersFromTheWeb: a var_source of type ssm in any
// team's pipeline reads what the web may read, with any template. Somebody who has the
// keys of the reader reads, and writes nothing; the pipeline writes the two keys alone.
func TestPolicies_keepThePipelinesOwnParametersFromTheWeb(t *testing.T) {
	for title, issuer := range map[string]string{"role": "https://ci.example.com", "user": ""} {
		t.Run(title, func(t *testing.T) {
			w := newWorld(t)
			p := everything()
			p.Issuer = issuer
			w.made(t, p)
			at := here(t, w)
			reads, writes := at.own()
			for _, id := range []string{"WebRole", "DirectorRole", "WorkerRole"} {
				set := principal(t, w, "role", id)
				judged(t, id, set, at, reads, false)
				judged(t, id, set, at, writes, false)
			}
			delete(reads, "list all that is there")
			delete(reads, "list those of one") // no variable has an empty name
			reader := principal(t, w, "user", "ReaderUser")
			judged(t, "reader", reader, at, reads, true)
			judged(t, "reader", reader, at, writes, false)
			kind, id := "role", "PipelineRole"
			if issuer == "" {
				kind, id = "user", "PipelineUser"
			}
			pipeline, allowed := principal(t, w, kind, id), map[string]call{}
			for title, c := range writes {
				if strings.HasPrefix(c.action, "iam:") || strings.HasSuffix(title, " aws_key") || strings.HasSuffix(title, " reader_key") {
					allowed[title] = c
					delete(writes, title)
				}
			}
			judged(t, "pipeline", pipeline, at, reads, true)
			judged(t, "pipeline", pipeline, at, allowed, true)
			judged(t, "pipeline", pipeline, at, writes, false)
		})
	}
}

// principal is a user or role of the stack.
func principal(t *testing.T, w *world, kind, id string) iam.Set {
	t.Helper()
	set, there, err := w.cloud.Principal(kind, w.there(t).Resources[id].PhysicalID)
	if err != nil || !there {
		t.Fatalf("%s: %v", id, err)
	}
	return set
}
