package bootstrap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
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
	stack        *layout.Parameters // what the stack was made from; nil: there is none
	applied      []layout.Parameters
	planned      layout.Parameters // last
	major        int               // of the database service; 0: nobody knows
	vm           bool
	vmOf         string // what the VM was made from
	broken       bool   // a run has left the stack half changed
	discarded    int
	changeSets   int    // that are open: planned, and neither executed nor discarded
	discarding   func() // called while a change is discarded
	quotas       quota.Answer
	keyPair      string // that is there already
	keyOwner     string
	needs        []quota.Needs       // that were asked for
	bucket       string              // of the state that the stack was made with
	stands       func(*stack.Status) // changes what is said of the stack
	refusePlan   error
	undo         bool   // what Apply has failed at is undone
	webGroup     string // id of its security group; "": "sg-3"
	web          string // the address of Concourse; "": one of the documentation's
	parameters   map[string]string
	tags         map[string]map[string]string   // of the parameters
	keys         map[string][]account.AccessKey // by user
	made         int                            // access keys
	unknown      int                            // how often AWS does not know a new key
	mine         string                         // id of the key that the run works with
	pipelineUser string                         // of the stack; "" with a role
	now          func() time.Time
	effects      []string         // what was written: "stack", "vm", "parameter x"
	fail         map[string]error // by the effect that fails
	at           func(effect string)
	applying     func(context.Context) // called by Apply
	stores       map[string]state.Store
	dir          string // of the first
	env          []createenv.Request
	operator     *operator
	late         []ledger.Thing       // that create-env's state names when create-env begins
	appear       []account.Possession // in the account by then
	missing      []ledger.Thing       // as create-env was told
	possessions  []account.Possession // of the account
	fresh        bool                 // the first store has no credentials of other tests
	open         func(context.Context, *config.Config, string, bool) (state.Store, bool, error)
}

func newCloud() *cloud {
	return &cloud{
		account: "123456789012", zones: []string{"eu-central-1a", "eu-central-1b", "eu-central-1c"},
		parameters: map[string]string{}, tags: map[string]map[string]string{}, keys: map[string][]account.AccessKey{}, mine: "AKIAEXAMPLE", fail: map[string]error{}, stores: map[string]state.Store{}, operator: &operator{},
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

// Identity implements run.Account.
func (c *cloud) Identity(context.Context) (login.Identity, error) {
	if err := c.fail["identity"]; err != nil {
		return login.Identity{}, err
	}
	return login.Identity{Account: c.account, ARN: "arn:aws:iam::" + c.account + ":user/ada"}, nil
}

// Keys implements run.Account.
func (c *cloud) Keys(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKey: c.mine, SecretKey: secret.New("canary-of-the-secret-key")}, nil
}

// Regions implements run.Account: there is one.
func (c *cloud) Regions(context.Context) ([]string, error) { return []string{"eu-central-1"}, nil }

// Zones implements run.Account.
func (c *cloud) Zones(context.Context) (list []account.Zone, err error) {
	for _, name := range c.zones {
		list = append(list, account.Zone{Name: name})
	}
	return list, nil
}

// Offerings implements run.Account: every zone has every type, but for offered.
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

// Subnets implements run.Account.
func (c *cloud) Subnets(_ context.Context, ids []string) ([]account.Subnet, error) {
	var list []account.Subnet
	for _, id := range ids {
		zone := c.zones[0]
		if strings.HasSuffix(id, "b") {
			zone = c.zones[1]
		}
		list = append(list, account.Subnet{ID: id, VPC: "vpc-1", Zone: zone, CIDR: "10.1.0.0/24", Public: strings.Contains(id, "public")})
	}
	return list, nil
}

// KeyPair implements run.Account.
func (c *cloud) KeyPair(_ context.Context, name string) (account.KeyPair, bool, error) {
	return account.KeyPair{Tags: map[string]string{"perpetual:name": c.keyOwner}}, c.keyPair == name, nil
}

// Quotas implements run.Account.
func (c *cloud) Quotas(_ context.Context, n quota.Needs) (quota.Answer, error) {
	c.needs = append(c.needs, n)
	return c.quotas, nil
}

// HostedZone implements run.Account.
func (c *cloud) HostedZone(context.Context, string) (account.HostedZone, bool, error) {
	return account.HostedZone{ID: "Z123"}, true, nil
}

// EgressAddress implements run.Account.
func (c *cloud) EgressAddress(context.Context) (string, error) { return "203.0.113.7", nil }

// PutParameter implements run.Account.
func (c *cloud) PutParameter(ctx context.Context, name string, value secret.Value, tags map[string]string) (bool, error) {
	if differs, _ := c.DiffParameter(ctx, name, value, tags); !differs {
		return false, nil
	}
	if err := c.effect("parameter " + name); err != nil {
		return false, err
	}
	c.parameters[name], c.tags[name] = value.Reveal(), tags
	return true, nil
}

// DiffParameter implements run.Account.
func (c *cloud) DiffParameter(_ context.Context, name string, value secret.Value, tags map[string]string) (bool, error) {
	return c.parameters[name] != value.Reveal() || !maps.Equal(c.tags[name], tags), nil
}

// DeleteParameters implements run.Account.
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

// Parameters implements run.Account.
func (c *cloud) Parameters(_ context.Context, prefix string) (names []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.parameters)) {
		if strings.HasPrefix(name, strings.TrimSuffix(prefix, "/")+"/") {
			names = append(names, name)
		}
	}
	return names, nil
}

// GetParameter implements run.Account.
func (c *cloud) GetParameter(_ context.Context, name string) (secret.Value, error) {
	value, there := c.parameters[name]
	if !there {
		return secret.Value{}, fmt.Errorf("read parameter %s: %w", name, aws.ErrNotFound)
	}
	return secret.New(value), nil
}

// DatabaseAuthorities implements run.Account.
func (c *cloud) DatabaseAuthorities(context.Context) (string, error) { return "the CAs", nil }

// AccessKeys implements run.Account.
func (c *cloud) AccessKeys(_ context.Context, user string) ([]account.AccessKey, error) {
	return slices.Clone(c.keys[user]), nil
}

// NewAccessKey implements run.Account. As IAM does it gives a user two at most.
func (c *cloud) NewAccessKey(_ context.Context, user string) (id, key secret.Value, err error) {
	if len(c.keys[user]) >= 2 {
		return id, key, errors.New("IAM answered 409 LimitExceeded")
	}
	if err := c.effect("access key of " + user); err != nil {
		return id, key, err
	}
	c.made++
	name := fmt.Sprintf("AKIA%d", c.made)
	c.keys[user] = append(c.keys[user], account.AccessKey{ID: name, Made: c.time()})
	return secret.New(name), secret.New("canary-of-" + name), c.effect("made " + name)
}

// TryAccessKey implements run.Account.
func (c *cloud) TryAccessKey(_ context.Context, id, _ secret.Value) error {
	if c.unknown > 0 {
		c.unknown--
		return aws.ErrCredentials
	}
	return c.effect("tried " + id.Reveal())
}

// DeleteAccessKey implements run.Account.
func (c *cloud) DeleteAccessKey(_ context.Context, user, id string) error {
	if err := c.effect("deleted " + id); err != nil {
		return err
	}
	c.keys[user] = slices.DeleteFunc(c.keys[user], func(k account.AccessKey) bool { return k.ID == id })
	return nil
}

// time is that of the account.
func (c *cloud) time() time.Time {
	if c.now == nil {
		return time.Now()
	}
	return c.now()
}

// Tagged implements run.Account.
func (c *cloud) Tagged(context.Context, string, string) ([]string, error) {
	if c.stack != nil {
		return []string{"stack"}, nil
	}
	return nil, nil
}

// createEnv is environment.Environment on the cloud.
type createEnv struct {
	*cloud
	documents ledger.Documents
}

// Pending implements environment.Environment.
func (c createEnv) Pending(_ context.Context, r createenv.Request) ([]string, error) {
	if c.stands(r) {
		return nil, nil
	}
	return []string{"+ VM bosh/0"}, nil
}

// stands says whether the VM is there as it is asked for.
func (c createEnv) stands(r createenv.Request) bool { return c.vm && !r.Recreate && c.vmOf == made(r) }

// made is what a VM is made from: all that is not of one run alone.
func made(r createenv.Request) string {
	vars := maps.Clone(r.Vars)
	for _, name := range r.Transient {
		delete(vars, name)
	}
	return string(r.Manifest) + fmt.Sprint(vars)
}

// Create implements environment.Environment.
func (c createEnv) Create(ctx context.Context, r createenv.Request) (createenv.Result, error) {
	c.cloud.env = append(c.cloud.env, r)
	c.possessions = append(c.possessions, c.appear...)
	if r.Inspect != nil && len(c.late) > 0 {
		var err error
		if c.missing, err = r.Inspect(ctx, c.late); err != nil {
			return createenv.Result{}, err
		}
	}
	if c.stands(r) {
		return createenv.Result{}, nil
	}
	if err := c.effect("vm"); err != nil {
		return createenv.Result{}, err
	}
	c.cloud.vm, c.cloud.vmOf = true, made(r)
	if err := c.documents.Put(context.WithoutCancel(ctx), ledger.StateDocument, []byte(`{"director_id": "d-1"}`)); err != nil && !errors.Is(err, state.ErrConflict) {
		return createenv.Result{}, err
	}
	return createenv.Result{Changed: true}, nil
}

// Delete implements environment.Environment.
func (c createEnv) Delete(context.Context, createenv.Request) error {
	if err := c.effect("vm deleted"); err != nil {
		return err
	}
	c.cloud.vm = false
	return nil
}

// Instances implements run.Account.
func (c *cloud) Instances(_ context.Context, ids []string) ([]account.Possession, error) {
	return c.find(ids), nil
}

// Volumes implements run.Account.
func (c *cloud) Volumes(_ context.Context, ids []string) ([]account.Possession, error) {
	return c.find(ids), nil
}

// Images implements run.Account.
func (c *cloud) Images(_ context.Context, ids []string) ([]account.Possession, error) {
	return c.find(ids), nil
}

// find gives those of the possessions that have the ids.
func (c *cloud) find(ids []string) (found []account.Possession) {
	for _, p := range c.possessions {
		if slices.Contains(ids, p.ID) {
			found = append(found, p)
		}
	}
	return found
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
// something else. They are shortened.
type kept struct {
	mu    sync.Mutex
	count int // of credentials
	body  []byte
}

var theCredentials kept

func (k *kept) get() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.body
}

func (k *kept) put(body []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	count := bytes.Count(body, []byte("\n    \""))
	if count <= k.count {
		return nil
	}
	short, err := shortened(body)
	if err == nil {
		k.count, k.body = count, short
	}
	return err
}

// keeping is a store as the installer has it: with the credentials that it writes, other
// tests may begin. What a test writes into the store itself stays its own.
type keeping struct{ state.Store }

// Put implements state.Store.
func (k keeping) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	written, err := k.Store.Put(ctx, name, body, revision)
	if err == nil && name == credentialsName {
		if plain, err := opened(body); err == nil {
			return written, theCredentials.put(plain)
		}
	}
	return written, err
}

var errBroken = errors.New("the cloud says no")
