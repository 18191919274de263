# SPDX-License-Identifier: MIT
# `make install`: what is installed and where. Included by the Makefile.
#
#   DESTDIR            a root directory in front of every path, for packages
#   prefix, *dir       the directories below it

prefix ?= /usr
sysconfdir ?= /etc
libexecdir ?= $(prefix)/libexec
sbindir ?= $(prefix)/sbin
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
unitdir ?= $(prefix)/lib/systemd/system
generatordir ?= $(prefix)/lib/systemd/system-generators
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
bashcompletiondir ?= $(datadir)/bash-completion/completions
zshcompletiondir ?= $(datadir)/zsh/vendor-completions
INSTALL ?= install

examplesdir = $(datadir)/doc/ceymail-metrics/examples
sharedir = $(datadir)/ceymail-metrics
role = deploy/ansible/roles/ceymail_metrics
roledir = $(sharedir)/ansible/roles/ceymail_metrics
# The root directory of the sandboxed services. It is empty: each directory and file is a mount point for their units.
sandboxdir = $(prefix)/lib/ceymail-metrics/root
SANDBOX_DIRECTORIES = boot dev efi etc/apache2 etc/ceymail-metrics etc/dovecot \
  etc/letsencrypt/archive etc/letsencrypt/live etc/nginx etc/postfix etc/ssl/certs etc/systemd/system home proc \
  root run sys tmp usr/lib/ssl $(patsubst /%,%,$(libraries)) var/backups var/lib/ceymail-metrics/service var/log \
  var/spool var/tmp
SANDBOX_FILES = etc/ld.so.cache etc/machine-id $(patsubst /%,%,$(loader)) \
  $(addprefix $(patsubst /%,%,$(libexecdir))/,ceymail-metrics ceymail-settings)
# The libraries and the loader that the services map. Their paths depend on the architecture. The words of readelf depend on
# the locale, also on LANGUAGE under another locale than C.
libraries = /usr/lib$(addprefix /,$(shell $(CXX) -print-multiarch))
loader = $(or $(shell LC_ALL=C readelf -l $(OUT)/ceymail-metrics | sed -n 's/.*interpreter: \(.*\)]/\1/p'), \
  $(error readelf names no loader of $(OUT)/ceymail-metrics: without it the services could not start))

# $(call put,MODE,DIRECTORY,FILES): installs those of FILES that exist.
put = $(if $(wildcard $3),$(Q)$(INSTALL) -d $(DESTDIR)$2 && $(INSTALL) -m $1 $(wildcard $3) $(DESTDIR)$2/)

.PHONY: install
install: programs ## installs the programs and their files; DESTDIR and prefix are honoured
	$(call put,755,$(libexecdir),$(OUT)/ceymail-metrics $(OUT)/ceymail-settings)
	$(call put,755,$(sbindir),$(OUT)/ceymail-token $(OUT)/ceymail-attach)
	$(Q)ln -sfr $(DESTDIR)$(libexecdir)/ceymail-metrics $(DESTDIR)$(sbindir)/ceymail-metrics
	$(if $(wildcard $(DESTDIR)$(sysconfdir)/ceymail-metrics/ceymail-metrics.conf),,\
	  $(call put,644,$(sysconfdir)/ceymail-metrics,deploy/config/ceymail-metrics.conf))
	$(call put,644,$(unitdir),deploy/systemd/*.service deploy/systemd/*.socket deploy/systemd/*.path \
	  deploy/systemd/*.timer)
	$(Q)sed -i -e 's#/usr/libexec/#$(libexecdir)/#g; s#/usr/lib/ceymail-metrics#$(prefix)/lib/ceymail-metrics#' \
	  -e 's#/usr/lib/x86_64-linux-gnu#$(libraries)#g; s#/lib64/ld-linux-x86-64.so.2#$(loader)#g' \
	  $(DESTDIR)$(unitdir)/ceymail-metrics.service $(DESTDIR)$(unitdir)/ceymail-settings.service
	$(Q)sed -i 's#/usr/sbin/#$(sbindir)/#g' $(DESTDIR)$(unitdir)/ceymail-metrics-init.service \
	  $(DESTDIR)$(unitdir)/ceymail-attach.service
	$(Q)$(INSTALL) -d $(addprefix $(DESTDIR)$(sandboxdir)/,$(SANDBOX_DIRECTORIES))
	$(Q)ln -sfn usr/lib $(DESTDIR)$(sandboxdir)/lib
	$(Q)ln -sfn ../run $(DESTDIR)$(sandboxdir)/var/run
	$(Q)for file in $(SANDBOX_FILES); do $(INSTALL) -D -m 644 /dev/null $(DESTDIR)$(sandboxdir)/$$file; done
	$(call put,755,$(generatordir),deploy/systemd/ceymail-metrics-generator)
	$(call put,644,$(sysconfdir)/apparmor.d,deploy/apparmor/*)
	$(Q)sed -i 's#/usr/libexec/#$(libexecdir)/#g' $(DESTDIR)$(sysconfdir)/apparmor.d/ceymail-metrics \
	  $(DESTDIR)$(sysconfdir)/apparmor.d/ceymail-settings
	$(call put,644,$(sysusersdir),deploy/systemd/sysusers.d/*.conf)
	$(call put,644,$(tmpfilesdir),deploy/systemd/tmpfiles.d/*.conf)
	$(call put,644,$(sysconfdir)/nginx/snippets,nginx/ceymail-metrics.conf nginx/ceymail-settings.conf \
	  nginx/ceymail-session-settings.conf)
	$(call put,644,$(sysconfdir)/nginx/conf.d,nginx/ceymail-metrics-upstream.conf nginx/ceymail-settings-upstream.conf)
	$(call put,644,$(sysconfdir)/apache2/conf-available,apache/ceymail-metrics.conf \
	  apache/ceymail-settings.conf apache/ceymail-session-settings.conf)
	$(call put,644,$(examplesdir)/nginx,nginx/*.conf)
	$(call put,644,$(examplesdir)/apache,apache/*.conf)
	$(call put,644,$(examplesdir)/systemd,deploy/systemd/tcp-mariadb.conf)
	$(call put,644,$(unitdir),deploy/push/*.service)
	$(call put,644,$(examplesdir)/push,deploy/push/*.yml deploy/push/*.env)
	$(call put,644,$(examplesdir)/push/receiver,deploy/push/receiver/*)
	$(call put,644,$(sharedir)/sql,deploy/sql/*.sql)
	$(call put,644,$(sharedir)/prometheus,deploy/prometheus/*.*)
	$(call put,644,$(sharedir)/prometheus/consoles,deploy/prometheus/consoles/*.html)
	$(call put,644,$(sharedir)/grafana/dashboards,deploy/grafana/dashboards/*.json)
	$(call put,644,$(sharedir)/grafana/provisioning/dashboards,deploy/grafana/provisioning/dashboards/*.yaml)
	$(call put,644,$(sharedir)/grafana/provisioning/datasources,deploy/grafana/provisioning/datasources/*.yaml)
	$(call put,644,$(sharedir)/ansible,deploy/ansible/*.yml)
	$(call put,644,$(roledir)/defaults,$(role)/defaults/*)
	$(call put,644,$(roledir)/handlers,$(role)/handlers/*)
	$(call put,644,$(roledir)/meta,$(role)/meta/*)
	$(call put,644,$(roledir)/tasks,$(role)/tasks/*)
	$(call put,644,$(roledir)/templates,$(role)/templates/*)
	$(call put,644,$(mandir)/man5,deploy/man/*.5)
	$(call put,644,$(mandir)/man8,deploy/man/*.8)
	$(call put,644,$(bashcompletiondir),deploy/completion/bash/ceymail-metrics)
	$(Q)ln -sf ceymail-metrics $(DESTDIR)$(bashcompletiondir)/ceymail-token
	$(Q)ln -sf ceymail-metrics $(DESTDIR)$(bashcompletiondir)/ceymail-attach
	$(call put,644,$(zshcompletiondir),deploy/completion/zsh/_*)
