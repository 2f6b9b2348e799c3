// Package site is an account in which nothing is installed yet, with everything that
// `perpetual deploy` needs of the world around: simulated AWS, an IaaS whose VMs have
// agents, the upstreams, and, once they are deployed, a director and a Concourse.
//
// Elastic addresses and the VPC's own are loopback addresses of 127.0.0.0/8, so that
// nothing leaves this machine and no right of root is needed; only Linux has them all.
package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/ruby"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// Name is that of the installation in Config.
const Name = "ci"

// webPort is where Concourse answers: the usual one is for root.
const webPort = 8443

// Options say how the site is. The zero value of a field is its default.
type Options struct {
	// Step is how long a resource of the stack takes to begin, and again to end; 0 is at once.
	Step time.Duration
	// Scale shortens the director's durations; default 0.02.
	Scale float64
	// WebDrain is how long a web that is told to stop waits for its builds; default: that
	// of world.Options, which Scale shortens. Builds whose steps are processes take the
	// time that the machine gives them.
	WebDrain time.Duration
	// Observe gets what happens, in words for people.
	Observe func(who, what string)
	// InstallerPolicies are what whoever runs the installer may do, as JSON with the
	// placeholders of stack.Scope; none: everything.
	InstallerPolicies []string
	// Boundary is the permissions boundary that the installer is to give every role and
	// user, as JSON with the same placeholders; empty: there is none.
	Boundary string
	// Hook sees every call of the CPI and of the agent.
	Hook func(cpi.Call) *cpi.Fault
	// Web answers for Concourse once that is deployed, instead of the simulated one.
	Web http.Handler
}

// Site is the account and what surrounds it.
type Site struct {
	*world.World // without director and Concourse until they are deployed
	AWS          *aws.Cloud
	Stacks       *cloudformation.Server
	IaaS         *cpi.Cloud

	options Options
	dir     string
	network string       // "127.80"
	claim   net.Listener // keeps other sites of this machine out of network
	ruby    string
	vars    map[string]any

	mu       sync.Mutex
	forwards []net.Listener
	booted   world.Director
	failed   error // of what goes on in the background
}

// Start starts everything that is there before the first install. dir gets files of
// the simulators, the home directory and the state of create-env. It fails when there
// is no ruby and none can be fetched.
func Start(ctx context.Context, dir string, o Options) (*Site, error) {
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	s := &Site{options: o, dir: dir}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Site) start(ctx context.Context) error {
	var err error
	if s.ruby, err = ruby.Path(ctx); err != nil {
		return err
	}
	if s.network, s.claim, err = claimNetwork(); err != nil {
		return err
	}
	about := world.Options{Empty: true, Scale: s.options.Scale, WebDrain: s.options.WebDrain, Web: s.options.Web, Observe: s.options.Observe}
	if s.World, err = world.Start(ctx, about); err != nil {
		return err
	}
	iaas := &fault.Script{}
	s.Faults["cpi"] = iaas
	s.IaaS, err = cpi.Start(cpi.Options{
		Wrap: iaas.Wrap,
		Hook: s.options.Hook, OnCreateVM: s.vmCreated, OnDeleteVM: s.vmDeleted, OnDeleteDisk: s.diskDeleted, Judge: s.judge,
		OnBlob: func(_ cpi.VM, body []byte) { s.note(s.boot(context.WithoutCancel(ctx), body)) },
	})
	if err != nil {
		return err
	}
	s.Stacks = cloudformation.New(cloudformation.Options{
		Step: s.options.Step, Addresses: s.network + ".100.", OnCreate: s.resourceCreated, OnDelete: s.resourceDeleted,
		Taken: func(l cloudformation.Live) bool { return s.AWS.Taken(l) },
	})
	if s.AWS, err = aws.New(aws.Options{Dir: s.dir, CloudFormation: s.Stacks, Address: "127.0.0.1", Possessions: s.possessions}); err != nil {
		return err
	}
	if err = s.limitInstaller(); err != nil {
		return err
	}
	if _, _, err = s.AWS.Start(ctx); err != nil {
		return err
	}
	return s.publish()
}

// claimNetwork finds a part of 127.0.0.0/8 that no other site of this machine has. It
// is this site's until the listener is closed.
func claimNetwork() (network string, claim net.Listener, err error) {
	const first, count = 64, 180
	at := rand.IntN(count) // any will do
	for i := range count {
		network = fmt.Sprintf("127.%d", first+(at+i)%count)
		if claim, err = net.Listen("tcp", network+".0.1:25555"); err == nil {
			return network, claim, nil
		}
	}
	return "", nil, fmt.Errorf("find loopback addresses 127.64.0.0 and above, which Linux has: %w", err)
}

// directorIP is the director's own address in the VPC.
func (s *Site) directorIP() string { return s.network + ".0.6" }

// Close ends everything.
func (s *Site) Close() error {
	var errs []error
	s.mu.Lock()
	for _, l := range s.forwards {
		errs = append(errs, l.Close())
	}
	s.forwards = nil
	s.mu.Unlock()
	if s.AWS != nil {
		errs = append(errs, s.AWS.Close())
	}
	if s.IaaS != nil {
		errs = append(errs, s.IaaS.Close())
	}
	if s.World != nil {
		errs = append(errs, s.World.Close())
	}
	if s.claim != nil {
		errs = append(errs, s.claim.Close())
	}
	return errors.Join(errs...)
}

// note keeps the first error of what goes on in the background.
func (s *Site) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
}

// Err is what has gone wrong in the simulators themselves.
func (s *Site) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Env is the environment of a process that shall see this site as the world.
func (s *Site) Env() map[string]string {
	env := s.AWS.Env()
	env["HOME"] = filepath.Join(s.dir, "home")
	env["PATH"] = s.ruby + ":/usr/local/bin:/usr/bin:/bin"
	return env
}

// resourceCreated is called for the stack's resources.
func (s *Site) resourceCreated(l cloudformation.Live) {
	s.AWS.Created(l)
	s.options.Observe("CloudFormation", fmt.Sprintf("%s (%s) is there", l.LogicalID, l.Type))
	if l.LogicalID != "DirectorAddress" {
		return
	}
	// The agent has both addresses of the director's VM.
	for _, address := range []string{l.PhysicalID, s.directorIP()} {
		s.note(s.forward(address + ":6868"))
	}
}

func (s *Site) resourceDeleted(l cloudformation.Live) {
	s.AWS.Deleted(l)
	s.options.Observe("CloudFormation", fmt.Sprintf("%s (%s) is gone", l.LogicalID, l.Type))
	if l.LogicalID == "WebAddress" {
		s.World.ForgetWeb()
	}
	if l.LogicalID != "DirectorAddress" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.forwards {
		_ = l.Close()
	}
	s.forwards = nil
}

// forward leads an address of the director's VM to its agent.
func (s *Site) forward(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for the agent: %w", err)
	}
	s.mu.Lock()
	s.forwards = append(s.forwards, listener)
	s.mu.Unlock()
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go s.join(from)
		}
	}()
	return nil
}

// join copies between a connection and the agent until one of them ends.
func (s *Site) join(from net.Conn) {
	defer func() { _ = from.Close() }()
	to, err := net.DialTimeout("tcp", s.IaaS.AgentAddress(), time.Second)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			done <- struct{}{}
		}()
	}
	<-done
}

func (s *Site) vmCreated(vm cpi.VM) {
	s.options.Observe("CPI", "VM "+vm.CID+" was made")
}

func (s *Site) vmDeleted(vm cpi.VM) {
	s.options.Observe("CPI", "VM "+vm.CID+" was deleted")
	s.World.StopDirector()
}

// diskDeleted is called for persistent disks that are deleted, but for one that was moved to
// another.
func (s *Site) diskDeleted(cid string) {
	s.options.Observe("CPI", "disk "+cid+" was deleted")
	if len(s.IaaS.Disks()) == 0 {
		s.World.ForgetDirector()
	}
}

// WriteFiles writes perpetual.yml into a directory: an installation in this site with
// everything by default.
func (s *Site) WriteFiles(dir string, extra map[string]any) error {
	text, err := s.Config(extra)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "home"), 0o700); err != nil {
		return fmt.Errorf("make a home directory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "perpetual.yml"), text, 0o600); err != nil {
		return fmt.Errorf("write perpetual.yml: %w", err)
	}
	return nil
}

// Vars are those of the director's manifest that name the simulated releases.
func (s *Site) Vars() map[string]any { return maps.Clone(s.vars) }
