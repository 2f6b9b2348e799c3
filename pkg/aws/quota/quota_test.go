package quota_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

const (
	vpcs, onDemand, spot = "L-F678F1CE", "L-1216C47A", "L-34B43A08"
)

// ordinary are the needs of an installation with one spot worker.
var ordinary = quota.Needs{
	Addresses: 3, VPCs: 1, OnDemand: map[string]int{"t3.medium": 1, "t3.small": 1, "m6a.xlarge": 2}, Spot: map[string]int{"m6a.xlarge": 1},
}

func TestQuotas_sayWhatIsTooLow(t *testing.T) {
	busy := []sandbox.Instance{{Type: "m5.2xlarge"}, {Type: "m5.2xlarge", Spot: true}, {Type: "m5.2xlarge", State: "stopped"}}
	for name, c := range map[string]struct {
		addresses, limit, vpcs int
		quotas                 map[string]float64
		short, notes           []string
	}{
		"enough":               {addresses: 2, limit: 5, vpcs: 4},
		"no address":           {addresses: 3, limit: 5, vpcs: 4, short: []string{`quota "EC2-VPC Elastic IPs" (L-0263D0A3) in eu-central-1: 5 allowed, 3 in use, 3 more needed; release addresses`}},
		"no VPC":               {limit: 5, vpcs: 5, short: []string{`quota "VPCs per Region" (L-F678F1CE) in eu-central-1: 5 allowed, 5 in use, 1 more needed; name a VPC that exists in aws.network.vpc, or have it raised: aws service-quotas request-service-quota-increase --region eu-central-1 --service-code vpc --quota-code L-F678F1CE --desired-value 6`}},
		"a raised one of VPCs": {limit: 5, vpcs: 8, quotas: map[string]float64{vpcs: 9}},
		"both":                 {addresses: 5, limit: 5, vpcs: 9, short: []string{`Elastic IPs`, `9 in use`}},
		"just enough vCPUs":    {limit: 5, quotas: map[string]float64{onDemand: 20, spot: 12}},
		"too few vCPUs": {limit: 5, quotas: map[string]float64{onDemand: 19}, short: []string{
			`(L-1216C47A) in eu-central-1: 19 allowed, 8 in use, 12 more needed; choose smaller instance types, or have it raised`}},
		"no spot, room on demand":    {limit: 5, quotas: map[string]float64{onDemand: 24, spot: 8}, notes: []string{"will be on-demand instances, at full price: quota \"All Standard"}},
		"no spot, no room on demand": {limit: 5, quotas: map[string]float64{onDemand: 23, spot: 0}, notes: []string{"0 allowed, 8 in use, 4 more needed; have it raised"}, short: []string{"23 allowed, 8 in use, 16 more needed"}},
	} {
		w := newWorld(t, sandbox.Options{})
		w.Cloud.SetUse(c.addresses, c.limit, c.vpcs)
		w.Cloud.Run(busy...)
		for code, value := range c.quotas {
			w.Cloud.SetQuota(code, value)
		}
		found, err := w.open(t).Quotas(t.Context(), ordinary)
		if err != nil || len(found.Unknown) > 0 || !eachSays(found.Short, c.short) || !eachSays(found.Notes, c.notes) {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

// Of three workers with four vCPUs each, two find room for ten on spot, and not two and a
// half.
func TestQuotas_countWholeSpotInstances(t *testing.T) {
	for limit, short := range map[float64][]string{4: nil, 3: {"3 allowed, 0 in use, 4 more needed"}} {
		w := newWorld(t, sandbox.Options{})
		w.Cloud.SetQuota(spot, 10)
		w.Cloud.SetQuota(onDemand, limit)
		found, err := w.open(t).Quotas(t.Context(), quota.Needs{Spot: map[string]int{"m6a.xlarge": 3}})
		if err != nil || !eachSays(found.Short, short) || len(found.Notes) != 1 {
			t.Errorf("%v on demand: %+v, %v", limit, found, err)
		}
	}
}

// eachSays says whether there are as many lines as texts, with the texts in them.
func eachSays(lines, texts []string) bool {
	if len(lines) != len(texts) {
		return false
	}
	for i, text := range texts {
		if !strings.Contains(lines[i], text) || strings.Contains(lines[i], "\n") {
			return false
		}
	}
	return true
}

// Families with quotas of their own are none of the standard ones' business.
func TestQuotas_countTheStandardFamilies(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.Cloud.SetQuota(onDemand, 2)
	found, err := w.open(t).Quotas(t.Context(), quota.Needs{OnDemand: map[string]int{"t3.small": 1, "g5.xlarge": 4, "inf2.xlarge": 1, "dl1.24xlarge": 1, "mac2.metal": 1, "u-6tb1.metal": 1}})
	if err != nil || len(found.Short)+len(found.Notes)+len(found.Unknown) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestQuotas_goOnWithoutThePermission(t *testing.T) {
	for denied, c := range map[string]struct {
		addresses int
		unknown   []string
		short     []string
	}{
		"servicequotas:*": {unknown: []string{"not looked at: the quota \"VPCs per Region\", \"All Standard"}},
		// EC2 itself tells the quota of addresses.
		"servicequotas:GetServiceQuota": {addresses: 4, unknown: []string{"allow servicequotas:GetServiceQuota to the user or role"}, short: []string{"5 allowed, 4 in use"}},
		"ec2:DescribeInstances":         {unknown: []string{"allow ec2:DescribeInstances"}},
		"ec2:DescribeInstanceTypes":     {unknown: []string{"allow ec2:DescribeInstanceTypes"}},
		"ec2:DescribeVpcs":              {unknown: []string{"\"VPCs per Region\" (count the VPCs"}},
		"*:*":                           {unknown: []string{"servicequotas:GetServiceQuota", "ec2:DescribeInstanceTypes"}},
	} {
		w := newWorld(t, sandbox.Options{})
		w.Cloud.SetUse(c.addresses, 5, 1)
		w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Deny = []string{denied} })
		found, err := w.open(t).Quotas(t.Context(), ordinary)
		if err != nil || !eachSays(found.Unknown, c.unknown) || !eachSays(found.Short, c.short) {
			t.Errorf("without %s: %+v, %v", denied, found, err)
		}
		for _, line := range found.Unknown {
			logintest.Clean(t, errors.New(line))
		}
	}
}

func TestQuotas_endWithTheirContextAndTheCredentials(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Expired = true })
	if _, err := a.Quotas(t.Context(), ordinary); !errors.Is(err, aws.ErrCredentials) {
		t.Errorf("expired: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("interrupted")
	w.Cloud.Faults["servicequotas"].Add(fault.Fault{Kind: fault.Hang, Times: -1, Before: func() { cancel(gone) }})
	if _, err := a.Quotas(ctx, ordinary); !errors.Is(err, gone) {
		t.Errorf("interrupted: %v", err)
	}
}
