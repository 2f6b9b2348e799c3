package ec2

import (
	"fmt"
	"maps"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// keyPair is a key pair of the region.
type keyPair struct {
	id   string
	tags map[string]string
}

// AddKeyPair makes a key pair exist that somebody else has made.
func (c *Compute) AddKeyPair(name string, tags map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keyPairs[name] = keyPair{fmt.Sprintf("key-%017x", len(name)), maps.Clone(tags)}
}

// RemoveKeyPair removes it.
func (c *Compute) RemoveKeyPair(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keyPairs, name)
}

// Taken says whether there is a resource of the type and name already. It is for
// cloudformation.Options.Taken.
func (c *Compute) Taken(l cloudformation.Live) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, there := c.keyPairs[l.PhysicalID]
	return there && l.Type == "AWS::EC2::KeyPair"
}

func (c *Compute) keyPairItems(names []string) any {
	type tag struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	items := []any{}
	for _, name := range wire.Sorted(c.keyPairs) {
		if !wants(names, name) {
			continue
		}
		var tags []tag
		for _, key := range wire.Sorted(c.keyPairs[name].tags) {
			tags = append(tags, tag{key, c.keyPairs[name].tags[key]})
		}
		items = append(items, struct {
			ID   string `xml:"keyPairId"`
			Name string `xml:"keyName"`
			Tags []tag  `xml:"tagSet>item"`
		}{c.keyPairs[name].id, name, tags})
	}
	return items
}
