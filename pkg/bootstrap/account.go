package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// checkAccount asks who we are and whether the region has what is wanted, before
// anything is made. It changes nothing.
func (r *run) checkAccount(ctx context.Context) (step.Outcome, error) {
	aws := r.config.AWS
	if aws == nil {
		return step.Skipped.Report("the director exists already: no cloud account is used")
	}
	var err error
	if r.identity, err = r.Account.Identity(ctx); err != nil {
		return step.Outcome{}, err
	}
	if aws.Account != "" && aws.Account != r.identity.Account {
		return step.Outcome{}, fmt.Errorf("these credentials are of account %s (%s), but aws.account is %s; nothing was changed",
			r.identity.Account, r.identity.ARN, aws.Account)
	}
	if _, err = r.Account.Zones(ctx); err != nil {
		return step.Outcome{}, err
	}
	return step.UpToDate.Report("account %s, region %s, as %s", r.identity.Account, aws.Region, r.identity.ARN)
}

// findPlaces finds what the user need not say, and what the account must have.
func (r *run) findPlaces(ctx context.Context) error {
	if r.elsewhere() {
		return r.findNames(ctx)
	}
	r.record.Account, r.record.Region = r.identity.Account, r.config.AWS.Region
	if !r.record.Stack && r.record.Infrastructure == nil {
		r.record.Zones = nil // chosen by a run that was refused
	}
	if err := r.findSubnets(ctx); err != nil {
		return err
	}
	if err := r.choose(ctx); err != nil {
		return err
	}
	// What was chosen is where everything is from now on.
	r.config.AWS.Zones, r.wantedConfig.AWS.Zones = r.record.Zones, r.record.Zones
	return nil
}

// purposes are what instance types are wanted for, by their names in the record.
func (r *run) purposes() map[string][]string {
	list := map[string][]string{
		"director": {r.config.Director.InstanceType}, "web": {r.config.Web.InstanceType}, "worker": r.config.Workers.InstanceTypes,
	}
	if r.config.Database.Kind == "vm" {
		list["database"] = []string{r.config.Database.InstanceType}
	}
	return list
}

// choose finds zones that offer the instance types, and for each purpose the first
// type that all zones in use offer. What was chosen before stays.
func (r *run) choose(ctx context.Context) error {
	aws := r.config.AWS
	zones, err := r.zones(ctx)
	if err != nil {
		return err
	}
	for _, zone := range aws.Zones {
		if !slices.Contains(zones, zone) {
			return fmt.Errorf("aws.zones: region %s has no zone %s for this account; it has %s", aws.Region, zone, strings.Join(zones, ", "))
		}
	}
	var types []string
	for _, list := range r.purposes() {
		types = append(types, list...)
	}
	slices.Sort(types)
	offered, err := r.Account.Offerings(ctx, slices.Compact(types))
	if err != nil {
		return err
	}
	if len(r.record.Zones) == 0 {
		if r.record.Zones = aws.Zones; len(aws.Zones) == 0 {
			r.record.Zones = r.bestZones(zones, offered)
		}
	}
	return r.chooseTypes(offered)
}

// bestZones are the first two zones that offer a type for each purpose; the VMs go
// into the first, the second is what a database's subnet group asks for.
func (r *run) bestZones(zones []string, offered map[string][]string) []string {
	var best, rest []string
	for _, zone := range zones {
		if r.lacks(zone, offered) == "" {
			best = append(best, zone)
		} else {
			rest = append(rest, zone)
		}
	}
	all := append(best, rest...)
	return slices.Clone(all[:min(2, len(all))])
}

// lacks names a purpose that a zone has no instance type for.
func (r *run) lacks(zone string, offered map[string][]string) string {
	for purpose, types := range r.purposes() {
		if !slices.ContainsFunc(types, func(t string) bool { return slices.Contains(offered[t], zone) }) {
			return purpose
		}
	}
	return ""
}

// chooseTypes takes for each purpose the first type that the VMs' zone offers.
func (r *run) chooseTypes(offered map[string][]string) error {
	zone := r.record.Zones[0]
	chosen := map[string]string{}
	for purpose, types := range r.purposes() {
		before := r.record.InstanceTypes[purpose]
		if before != "" && slices.Contains(types, before) {
			chosen[purpose] = before
			continue
		}
		i := slices.IndexFunc(types, func(t string) bool { return slices.Contains(offered[t], zone) })
		if i < 0 {
			return fmt.Errorf("zone %s offers none of the instance types for the %s: %s; choose others, or another zone in aws.zones (offered: %s)",
				zone, purpose, strings.Join(types, ", "), where(types, offered))
		}
		chosen[purpose] = types[i]
	}
	r.record.InstanceTypes = chosen
	r.record.Spread = 0
	for _, zone := range r.record.Zones {
		for _, t := range chosen {
			if !slices.Contains(offered[t], zone) {
				return nil
			}
		}
		r.record.Spread++
	}
	return nil
}

// where says which zones offer what.
func where(types []string, offered map[string][]string) string {
	var parts []string
	for _, t := range types {
		if zones := offered[t]; len(zones) > 0 {
			parts = append(parts, t+" in "+strings.Join(zones, " "))
		}
	}
	if len(parts) == 0 {
		return "nowhere in this region"
	}
	return strings.Join(parts, "; ")
}

// zones are the names of the region's zones.
func (r *run) zones(ctx context.Context) ([]string, error) {
	list, err := r.Account.Zones(ctx)
	names := make([]string, len(list))
	for i, z := range list {
		names[i] = z.Name
	}
	return names, err
}

// parameter reads a parameter of the pipeline; it is empty where there is none.
func (r *run) parameter(ctx context.Context, name string) (secret.Value, error) {
	value, err := r.Account.GetParameter(ctx, name)
	if errors.Is(err, aws.ErrNotFound) {
		return secret.Value{}, nil
	}
	return value, err
}

// putParameter writes one when it differs.
func (r *run) putParameter(ctx context.Context, name string, value secret.Value) (changed bool, err error) {
	return r.Account.PutParameter(ctx, name, value, r.parameterTags())
}

// parameterTags are those of a parameter: the user's, and that which says whose it is.
func (r *run) parameterTags() map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, r.config.AWS.Tags)
	tags[possession.Tag] = r.Name
	return tags
}
