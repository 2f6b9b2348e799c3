package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/environment"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// cloud stands for everything outside: it records what is made, in order.
type cloud struct {
	mu           sync.Mutex
	account      string
	zones        []string
	offered      map[string][]string
	stack        *bootstrap.Wanted // what the stack was made from; nil: there is none
	applied      []bootstrap.Wanted
	major        int // of the database service; 0: nobody knows
	vm           bool
	broken       bool // a run has left the stack half changed
	discarded    int
	quotas       bootstrap.Quotas
	keyPair      string // that is there already
	keyOwner     string
	needs        []bootstrap.Needs // that were asked for
	bucket       string            // of the state that the stack was made with
	elsewhere    bootstrap.Elsewhere
	stands       func(*bootstrap.Standing) // changes what is said of the stack
	refusePlan   error
	undo         bool // what Apply has failed at is undone
	parameters   map[string]string
	keys         map[string][]bootstrap.AccessKey // by user
	made         int                              // access keys
	unknown      int                              // how often AWS does not know a new key
	mine         string                           // id of the key that the run works with
	pipelineUser string                           // of the stack; "" with a role
	now          func() time.Time
	effects      []string         // what was written: "stack", "vm", "parameter x"
	fail         map[string]error // by the effect that fails
	at           func(effect string)
	applying     func(context.Context) // called by Apply
	stores       map[string]state.Store
	dir          string // of the first
	env          []bootstrap.EnvironmentRequest
	operator     *operator
	things       []bootstrap.Thing      // that create-env's state names
	late         []bootstrap.Thing      // and that it names when create-env begins
	appear       []bootstrap.Possession // in the account by then
	missing      []bootstrap.Thing      // as create-env was told
	possessions  []bootstrap.Possession // of the account
	fresh        bool                   // the first store has no credentials of other tests
	open         func(context.Context, *config.Config, string, bool) (state.Store, bool, error)
}

func newCloud() *cloud {
	return &cloud{
		account: "123456789012", zones: []string{"eu-central-1a", "eu-central-1b", "eu-central-1c"},
		parameters: map[string]string{}, keys: map[string][]bootstrap.AccessKey{}, mine: "AKIAEXAMPLE", fail: map[string]error{}, stores: map[string]state.Store{}, operator: &operator{},
	}
}

// effect notes what is written, or gives the error that is due.
func (c *cloud) effect(name string) error {
	if c.at != nil {
		c.at(name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fail[name]; err != nil {
		return err
	}
	c.effects = append(c.effects, name)
	return nil
}

// written gives the effects since the last call.
func (c *cloud) written() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.effects
	c.effects = nil
	return list
}

// Identity implements bootstrap.Account.
func (c *cloud) Identity(context.Context) (bootstrap.Identity, error) {
	if err := c.fail["identity"]; err != nil {
		return bootstrap.Identity{}, err
	}
	return bootstrap.Identity{Account: c.account, ARN: "arn:aws:iam::" + c.account + ":user/ada"}, nil
}

// Keys implements bootstrap.Account.
func (c *cloud) Keys(context.Context) (bootstrap.Keys, error) {
	return bootstrap.Keys{AccessKey: secret.New(c.mine), SecretKey: secret.New("canary-of-the-secret-key")}, nil
}

// Zones implements bootstrap.Account.
func (c *cloud) Zones(context.Context) ([]string, error) { return c.zones, nil }

// Offerings implements bootstrap.Account: every zone has every type, but for offered.
func (c *cloud) Offerings(_ context.Context, types []string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, t := range types {
		if list, said := c.offered[t]; said {
			out[t] = list
		} else {
			out[t] = c.zones
		}
	}
	return out, nil
}

// Subnets implements bootstrap.Account.
func (c *cloud) Subnets(_ context.Context, ids []string) ([]bootstrap.Subnet, error) {
	var list []bootstrap.Subnet
	for _, id := range ids {
		zone := c.zones[0]
		if strings.HasSuffix(id, "b") {
			zone = c.zones[1]
		}
		list = append(list, bootstrap.Subnet{ID: id, VPC: "vpc-1", Zone: zone, CIDR: "10.1.0.0/24", Public: strings.Contains(id, "public")})
	}
	return list, nil
}

// KeyPair implements bootstrap.Account.
func (c *cloud) KeyPair(context.Context) (name, owner string, err error) {
	return c.keyPair, c.keyOwner, nil
}

// Quotas implements bootstrap.Account.
func (c *cloud) Quotas(_ context.Context, n bootstrap.Needs) (bootstrap.Quotas, error) {
	c.needs = append(c.needs, n)
	return c.quotas, nil
}

// HostedZone implements bootstrap.Account.
func (c *cloud) HostedZone(context.Context, string) (string, bool, error) { return "Z123", true, nil }

// Address implements bootstrap.Account.
func (c *cloud) Address(context.Context) (string, error) { return "203.0.113.7", nil }

// PutParameter implements bootstrap.Account.
func (c *cloud) PutParameter(_ context.Context, name string, value secret.Value, _ map[string]string) (bool, error) {
	if c.parameters[name] == value.Reveal() {
		return false, nil
	}
	if err := c.effect("parameter " + name); err != nil {
		return false, err
	}
	c.parameters[name] = value.Reveal()
	return true, nil
}

// DeleteParameters implements bootstrap.Account.
func (c *cloud) DeleteParameters(ctx context.Context, prefix string, only ...string) ([]string, error) {
	if err := c.effect("parameters deleted"); err != nil {
		return nil, err
	}
	gone, err := c.Parameters(ctx, prefix)
	gone = slices.DeleteFunc(gone, func(name string) bool { return len(only) > 0 && !slices.Contains(only, name) })
	for _, name := range gone {
		delete(c.parameters, name)
	}
	return gone, err
}

// Parameters implements bootstrap.Account.
func (c *cloud) Parameters(_ context.Context, prefix string) (names []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.parameters)) {
		if strings.HasPrefix(name, strings.TrimSuffix(prefix, "/")+"/") {
			names = append(names, name)
		}
	}
	return names, nil
}

// Parameter implements bootstrap.Account.
func (c *cloud) Parameter(_ context.Context, name string) (secret.Value, error) {
	return secret.New(c.parameters[name]), nil
}

// DatabaseAuthorities implements bootstrap.Account.
func (c *cloud) DatabaseAuthorities(context.Context) (string, error) { return "the CAs", nil }

// AccessKeys implements bootstrap.Account.
func (c *cloud) AccessKeys(_ context.Context, user string) ([]bootstrap.AccessKey, error) {
	return slices.Clone(c.keys[user]), nil
}

// NewAccessKey implements bootstrap.Account. As IAM does it gives a user two at most.
func (c *cloud) NewAccessKey(_ context.Context, user string) (id, key secret.Value, err error) {
	if len(c.keys[user]) >= 2 {
		return id, key, errors.New("IAM answered 409 LimitExceeded")
	}
	if err := c.effect("access key of " + user); err != nil {
		return id, key, err
	}
	c.made++
	name := fmt.Sprintf("AKIA%d", c.made)
	c.keys[user] = append(c.keys[user], bootstrap.AccessKey{ID: name, Made: c.time()})
	return secret.New(name), secret.New("canary-of-" + name), c.effect("made " + name)
}

// TryAccessKey implements bootstrap.Account.
func (c *cloud) TryAccessKey(_ context.Context, id, _ secret.Value) (bool, error) {
	if c.unknown > 0 {
		c.unknown--
		return false, nil
	}
	return true, c.effect("tried " + id.Reveal())
}

// DeleteAccessKey implements bootstrap.Account.
func (c *cloud) DeleteAccessKey(_ context.Context, user, id string) error {
	if err := c.effect("deleted " + id); err != nil {
		return err
	}
	c.keys[user] = slices.DeleteFunc(c.keys[user], func(k bootstrap.AccessKey) bool { return k.ID == id })
	return nil
}

// time is that of the account.
func (c *cloud) time() time.Time {
	if c.now == nil {
		return time.Now()
	}
	return c.now()
}

// Elsewhere implements bootstrap.Account.
func (c *cloud) Elsewhere(context.Context, string) (bootstrap.Elsewhere, error) {
	return c.elsewhere, nil
}

// Left implements bootstrap.Account.
func (c *cloud) Left(context.Context) ([]string, error) {
	if c.stack != nil {
		return []string{"stack"}, nil
	}
	return nil, nil
}

// Look implements bootstrap.Infrastructure.
func (c *cloud) Look(context.Context) (bootstrap.Standing, error) {
	if c.stack == nil {
		return bootstrap.Standing{}, nil
	}
	became := "CREATE_COMPLETE"
	if c.undo {
		became = "UPDATE_ROLLBACK_COMPLETE"
	}
	said := bootstrap.Standing{Live: true, Name: "perpetual-ci", State: became, Bucket: c.bucket, WebAddress: "198.51.100.1", DirectorAddress: "198.51.100.2"}
	if c.stands != nil {
		c.stands(&said)
	}
	return said, nil
}

// Plan implements bootstrap.Infrastructure.
func (c *cloud) Plan(_ context.Context, w bootstrap.Wanted) (bootstrap.Change, error) {
	if c.refusePlan != nil {
		return bootstrap.Change{}, c.refusePlan
	}
	if c.broken {
		return bootstrap.Change{Repair: true, Lines: []string{"! before anything else: the rollback is finished"}, Handle: w}, nil
	}
	if c.stack == nil {
		return bootstrap.Change{Create: true, Lines: []string{"+ VPC (AWS::EC2::VPC)"}, Handle: w}, nil
	}
	same := w.HoldDatabase || c.major == 0 || w.Config.Database.Version == 0 || w.Config.Database.Version == c.major
	if same && fmt.Sprint(c.stack.Zones, c.stack.DirectorCIDRs, c.stack.DatabasePassword.Reveal(), c.stack.Config.Upgrade.WorkerTag) == fmt.Sprint(w.Zones, w.DirectorCIDRs, w.DatabasePassword.Reveal(), w.Config.Upgrade.WorkerTag) {
		return bootstrap.Change{Empty: true}, nil
	}
	return bootstrap.Change{Lines: []string{"~ DirectorSecurityGroup"}, Handle: w}, nil
}

// Apply implements bootstrap.Infrastructure.
func (c *cloud) Apply(ctx context.Context, change bootstrap.Change, _ func(string)) error {
	if err := c.effect("stack"); err != nil {
		return err
	}
	if c.applying != nil {
		c.applying(ctx)
	}
	w := change.Handle.(bootstrap.Wanted)
	c.stack, c.applied = &w, append(c.applied, w)
	if c.major > 0 && w.Config.Database.Version > 0 && !w.HoldDatabase {
		c.major = w.Config.Database.Version
	}
	return ctx.Err()
}

// Discard implements bootstrap.Infrastructure.
func (c *cloud) Discard(context.Context, bootstrap.Change) error {
	c.discarded++
	return nil
}

// Outputs implements bootstrap.Infrastructure.
func (c *cloud) Outputs(context.Context) (environment.Infrastructure, error) {
	if c.stack == nil {
		return environment.Infrastructure{}, bootstrap.ErrNotFound
	}
	infra := environment.Infrastructure{
		Region: "eu-central-1", VPC: "vpc-1", CIDR: "10.0.0.0/16", DirectorAddress: "198.51.100.2", DirectorIP: "10.0.0.6",
		WebAddress: "198.51.100.1", EgressAddress: "198.51.100.3", KeyPair: "perpetual-ci", ParameterPath: "/perpetual/ci", OwnPath: "/perpetual-own/ci",
		PipelineUser: c.pipelineUser, ReaderUser: "reader",
		SecurityGroups: environment.SecurityGroups{Director: "sg-1", VMs: "sg-2", Web: "sg-3", Database: "sg-4", UpgradeWorker: "sg-5"},
		Profiles:       environment.Profiles{Director: "director", Web: "web", Worker: "worker"},
		Database:       environment.Database{Host: "db.example.com", Port: 5432, Name: "concourse", User: "concourse", Major: c.major},
	}
	for i, zone := range c.stack.Zones {
		infra.Zones = append(infra.Zones, environment.Zone{
			Name: zone, PublicSubnet: fmt.Sprintf("subnet-public-%d", i), PrivateSubnet: fmt.Sprintf("subnet-private-%d", i),
			PublicCIDR: fmt.Sprintf("10.0.%d.0/24", i), PrivateCIDR: fmt.Sprintf("10.0.%d.0/20", 16*(i+1)),
		})
	}
	return infra, nil
}

// Delete implements bootstrap.Infrastructure.
func (c *cloud) Delete(context.Context, *config.Config, func(string)) ([]string, error) {
	if c.stack == nil {
		return nil, bootstrap.ErrNotFound
	}
	if err := c.effect("stack deleted"); err != nil {
		return nil, err
	}
	c.stack = nil
	return []string{"the last snapshot of the database"}, nil
}

// createEnv is bootstrap.Environment on the cloud.
type createEnv struct{ *cloud }

// Pending implements bootstrap.Environment.
func (c createEnv) Pending(context.Context, bootstrap.EnvironmentRequest) ([]string, error) {
	if c.vm {
		return nil, nil
	}
	return []string{"+ VM bosh/0"}, nil
}

// Answers implements bootstrap.Environment.
func (c createEnv) Answers(context.Context, string) bool { return c.vm }

// Create implements bootstrap.Environment.
func (c createEnv) Create(ctx context.Context, r bootstrap.EnvironmentRequest, _ func(string)) (bool, error) {
	c.cloud.env = append(c.cloud.env, r)
	c.possessions = append(c.possessions, c.appear...)
	if r.Inspect != nil && len(c.late) > 0 {
		var err error
		if c.missing, err = r.Inspect(ctx, c.late); err != nil {
			return false, err
		}
	}
	if c.vm && !r.Recreate {
		return false, nil
	}
	if err := c.effect("vm"); err != nil {
		return false, err
	}
	c.cloud.vm = true
	if _, err := r.Store.Put(context.WithoutCancel(ctx), "run/environment/state.json", []byte("{}"), ""); err != nil && !errors.Is(err, state.ErrConflict) {
		return false, err
	}
	return true, nil
}

// Delete implements bootstrap.Environment.
func (c createEnv) Delete(context.Context, bootstrap.EnvironmentRequest, func(string)) error {
	if err := c.effect("vm deleted"); err != nil {
		return err
	}
	c.cloud.vm = false
	return nil
}

// Things implements bootstrap.Environment.
func (c createEnv) Things(context.Context, state.Store) ([]bootstrap.Thing, error) {
	return c.things, nil
}

// Possessions implements bootstrap.Account.
func (c *cloud) Possessions(_ context.Context, _ bootstrap.ThingKind, ids []string) (found []bootstrap.Possession, err error) {
	for _, p := range c.possessions {
		if slices.Contains(ids, p.ID) {
			found = append(found, p)
		}
	}
	return found, nil
}

// store is bootstrap.OpenStore on directories.
func (c *cloud) store(t *testing.T) func(context.Context, *config.Config, string, bool) (state.Store, bool, error) {
	c.dir = t.TempDir()
	return func(_ context.Context, cfg *config.Config, _ string, create bool) (state.Store, bool, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.stores[cfg.Name] != nil {
			return keeping{c.stores[cfg.Name]}, false, nil
		}
		if !create {
			return nil, false, bootstrap.ErrNotFound
		}
		made, err := state.NewDir(c.dir)
		if err != nil {
			return nil, false, err
		}
		if body := theCredentials.get(); body != nil && !c.fresh {
			c.plant(t, made, credentialsName, body, 1)
		}
		c.effects = append(c.effects, "store")
		c.stores[cfg.Name] = made
		return keeping{made}, true, nil
	}
}

// document is one of the state's; of one that is sealed it is what is in it.
func (c *cloud) document(t *testing.T, name string) string {
	t.Helper()
	found, err := c.stores["ci"].Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return c.operator.open(t, found.Body)
}

// plant writes a document that the operator has signed, which counts as seen.
func (c *cloud) plant(t *testing.T, store state.Store, name string, body []byte, serial int64) {
	t.Helper()
	c.plantFor(t, store, name, body, serial)
}

// plantFor is plant of a document that others may read, too.
func (c *cloud) plantFor(t *testing.T, store state.Store, name string, body []byte, serial int64, recipients ...string) {
	t.Helper()
	text := signedBy(t, theKey(), seal.Place{Installation: "ci", Document: name}, body, serial, recipients...)
	found, err := store.Get(t.Context(), name)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), name, text, found.Revision); err != nil {
		t.Fatal(err)
	}
	c.operator.note(name, text, serial)
}

// credentialsName is the document with the credentials.
const credentialsName = "operator/credentials.json"

// kept are the fullest credentials that were generated in this process, with which every
// store of the tests begins: keys take seconds to make, and the tests are about
// something else.
type kept struct {
	mu   sync.Mutex
	body []byte
}

var theCredentials kept

func (k *kept) get() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.body
}

func (k *kept) put(body []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(body) > len(k.body) {
		k.body = slices.Clone(body)
	}
}

// keeping is a store as the installer has it: with the credentials that it writes, other
// tests may begin. What a test writes into the store itself stays its own.
type keeping struct{ state.Store }

// Put implements state.Store.
func (k keeping) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	written, err := k.Store.Put(ctx, name, body, revision)
	if err == nil && name == credentialsName {
		if plain, err := opened(body); err == nil {
			theCredentials.put(plain)
		}
	}
	return written, err
}

var errBroken = errors.New("the cloud says no")
