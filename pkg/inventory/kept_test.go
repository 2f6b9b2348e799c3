package inventory_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// keeper keeps a text in memory.
type keeper struct {
	text string
	err  error
}

func (k *keeper) SaveSet(_ context.Context, text string) error {
	k.text = text
	return k.err
}

func (k *keeper) LoadSet(context.Context) (string, error) { return k.text, k.err }

func TestKept_isLoadedAsItWasSavedWithoutItsOrigins(t *testing.T) {
	k := &keeper{}
	saved := inventory.Kept{Operation: "c0ffee", Ignored: []string{"bpm"}, Components: []component.Component{
		{Name: "concourse", Kind: component.KindRelease, Upstream: "concourse", Version: "8.2.1", URL: "https://bosh.io/d/c", SHA1: "c0"},
	}}
	if err := saved.Save(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if saved.Components[0].URL == "" {
		t.Error("the caller's set was changed")
	}
	got, found, err := inventory.Load(t.Context(), k)
	want := saved
	want.Components = []component.Component{{Name: "concourse", Kind: component.KindRelease, Upstream: "concourse", Version: "8.2.1"}}
	if err != nil || !found || !reflect.DeepEqual(got, want) {
		t.Errorf("found %t, %v, got %+v, want %+v", found, err, got, want)
	}
}

func TestLoad_takesNothingElseForASet(t *testing.T) {
	away := errors.New("the director does not answer")
	for _, c := range []struct {
		name   string
		keeper keeper
		want   error
	}{
		{"none", keeper{}, nil},
		{"unreadable", keeper{err: away}, away},
		{"not JSON", keeper{text: "{"}, inventory.ErrDamaged},
		{"of no operation", keeper{text: `{"components": []}`}, inventory.ErrDamaged},
	} {
		if _, found, err := inventory.Load(t.Context(), &c.keeper); found || !errors.Is(err, c.want) {
			t.Errorf("%s: found %t, error %v", c.name, found, err)
		}
	}
}
