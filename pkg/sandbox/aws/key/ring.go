// Package key simulates the services that give access keys, IAM and STS, and knows whose the
// keys are.
package key

import (
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// Key is an access key and who it stands for.
type Key struct {
	Secret  string
	Session string // the session token of temporary keys
	Account string // "123456789012"; default: the simulated one
	ARN     string // "arn:aws:sts::123456789012:assumed-role/admin/ada"
	Made    time.Time
	Expired bool     // temporary keys whose time is over
	Closed  []string // regions in which a policy of the organization allows nothing: "us-east-1"
	Deny    []string // actions that the policies do not allow: "ec2:DescribeImages", "s3:*"
	// Policies are what its principal may do. nil: what the stack says that has made the
	// principal, and for others everything.
	Policies []iam.Policy
}

// Ring is the access keys of an account, with the services that give them: IAM and STS.
type Ring struct {
	account string
	now     func() time.Time // by the servers' clocks

	mu       sync.Mutex
	keys     map[string]Key
	tokens   map[string]string        // roles by web identity token
	sessions map[string]time.Duration // the longest of roles
	assumed  int
	made     int // access keys
}

// New makes a keyring with one key.
func New(account string, now func() time.Time, id string, k Key) *Ring {
	return &Ring{account: account, now: now, keys: map[string]Key{id: k}, tokens: map[string]string{}, sessions: map[string]time.Duration{}}
}

// Find is the key of an id, and whether there is one.
func (c *Ring) Find(id string) (Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, known := c.keys[id]
	return k, known
}

// OfPrincipal is a key with policies of a user or role, or else one without.
func (c *Ring) OfPrincipal(arn string) Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := Key{ARN: arn}
	for _, key := range c.keys {
		if key.ARN == arn && key.Policies != nil {
			found = key
		}
	}
	return found
}

// OfSecret is a key with that secret, and whether there is one.
func (c *Ring) OfSecret(secret string) (Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.keys {
		if key.Secret == secret {
			return key, true
		}
	}
	return Key{}, false
}

// SetKey adds or replaces an access key.
func (c *Ring) SetKey(id string, k Key) {
	if k.Account == "" {
		k.Account = c.account
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[id] = k
}

// ChangeKey changes a key that exists, as when it expires in the middle of a run.
func (c *Ring) ChangeKey(id string, change func(*Key)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.keys[id]
	change(&k)
	c.keys[id] = k
}
