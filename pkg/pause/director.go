package pause

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf16"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// configType is that of all configs in which this program keeps facts.
const configType = "perpetual"

// Configs are the director's configs, as a store. *bosh/client.Client is one.
type Configs interface {
	// Configs lists the current version of each config of a type and a name.
	Configs(ctx context.Context, kind, name string) ([]bosh.ConfigVersion, error)
	// StoreConfig writes a new version if the current one has the expected id,
	// "0" where there is none. It fails with bosh.ErrConfigChanged.
	StoreConfig(ctx context.Context, kind, name, content, expectedID string) (bosh.ConfigVersion, error)
}

// InDirector keeps the list as a config of the director: for installations
// whose builds reach nothing else that lasts.
func InDirector(configs Configs, deployment string) Keeper {
	return directorKeeper{configs, deployment + ".paused"}
}

type directorKeeper struct {
	configs Configs
	name    string
}

// configContent is what the config holds. The director reads its YAML and
// writes it in its own way, so that text which looks like a time or a number may
// come back as one. The list is one text in it, which does not.
type configContent struct {
	List string `json:"list"`
}

// Load implements Keeper.
func (k directorKeeper) Load(ctx context.Context) (List, string, error) {
	versions, err := k.configs.Configs(ctx, configType, k.name)
	if err != nil {
		return List{}, "", fmt.Errorf("read %s: %w", k.title(), explain(err))
	}
	for _, v := range versions {
		if v.Name == k.name {
			list, err := k.decode(v.Content)
			return list, v.ID, err
		}
	}
	return List{}, "", nil
}

// title names the config to people.
func (k directorKeeper) title() string {
	return fmt.Sprintf("config %s (type %s) of the director", k.name, configType)
}

func (k directorKeeper) decode(text string) (List, error) {
	var content configContent
	if err := yaml.UnmarshalStrict([]byte(text), &content); err != nil || content.List == "" {
		return List{}, fmt.Errorf("decode list %s: it is damaged: it holds no list; nothing was changed: %s", k.title(), byHand)
	}
	return decode(k.title(), []byte(content.List))
}

// Save implements Keeper.
func (k directorKeeper) Save(ctx context.Context, list List, revision string) (string, error) {
	body, err := list.encode()
	if err != nil {
		return "", err
	}
	content, err := json.Marshal(configContent{string(ascii(body))})
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", k.title(), err)
	}
	stored, err := k.configs.StoreConfig(ctx, configType, k.name, string(content), cmp.Or(revision, "0"))
	switch {
	case errors.Is(err, bosh.ErrConfigChanged):
		return "", fmt.Errorf("%w: %w", ErrConflict, err)
	case err != nil:
		return "", explain(err) // which names the config
	}
	return stored.ID, nil
}

// explain says who may keep configs, if that is what is wrong.
func explain(err error) error {
	var answer *bosh.ResponseError
	if errors.As(err, &answer) && (answer.Status == http.StatusForbidden || answer.Status == http.StatusUnauthorized) {
		return fmt.Errorf("%w: give that user the scope bosh.admin, or source a state section to keep the list in", err)
	}
	return err
}

// ascii writes JSON without what is not ASCII, which YAML may take for the end
// of a line.
func ascii(body []byte) []byte {
	var b bytes.Buffer
	for len(body) > 0 {
		r, size := utf8.DecodeRune(body)
		switch high, low := utf16.EncodeRune(r); {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		body = body[size:]
	}
	return b.Bytes()
}
