package connect

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// setKeeper keeps the component set of a deployment's last put as a config of the
// director, which the build that verifies it reaches, too.
type setKeeper struct {
	client *client.Client
	name   string // "concourse.set"
}

// setConfig is what the config holds. The director writes YAML in its own way: the set is
// one text in it, which stays as it is.
type setConfig struct {
	Set string `json:"set" yaml:"set"`
}

// Sets keeps the component set of a deployment's last put on the director.
func (d Director) Sets(deployment string) inventory.SetKeeper {
	return setKeeper{d.Client, deployment + ".set"}
}

// SaveSet implements inventory.SetKeeper.
func (k setKeeper) SaveSet(ctx context.Context, text string) error {
	content, err := json.Marshal(setConfig{text})
	if err != nil {
		return fmt.Errorf("encode config %s: %w", k.name, err)
	}
	_, err = k.client.UpdateConfig(ctx, "perpetual", k.name, string(content), "")
	return err
}

// LoadSet implements inventory.SetKeeper.
func (k setKeeper) LoadSet(ctx context.Context) (string, error) {
	versions, err := k.client.Configs(ctx, "perpetual", k.name)
	if err != nil {
		return "", err
	}
	for _, v := range versions {
		if v.Name == k.name {
			var content setConfig
			err := template.Decode([]byte(v.Content), &content)
			return content.Set, err
		}
	}
	return "", nil
}
