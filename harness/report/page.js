'use strict';
(() => {
	const $ = (s, at = document) => [...at.querySelectorAll(s)];
	const bar = document.getElementById('bar');
	const search = document.getElementById('q');
	const status = document.getElementById('status');
	const buttons = $('button[data-f]', bar);
	const items = $('[data-o]');
	const texts = new Map();
	let outcome = '';

	bar.hidden = false;
	for (const b of $('button.copy')) b.hidden = false;

	// A failure is also found by what stands above it: its requirement and column.
	function text(item) {
		if (!texts.has(item)) {
			const group = item.closest('.group');
			const above = group ? group.querySelector('h3').textContent : '';
			texts.set(item, (above + ' ' + item.textContent).toLowerCase());
		}
		return texts.get(item);
	}

	function apply() {
		const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		let shown = 0;
		let all = 0;
		for (const item of items) {
			const is = (!outcome || item.dataset.o.split(' ').includes(outcome)) && words.every((w) => text(item).includes(w));
			item.hidden = !is;
			if (item.tagName !== 'TR') {
				all++;
				if (is) shown++;
			}
		}
		for (const part of $('.matrix:not(.grid) tbody, .group, .kind, .list')) {
			part.hidden = !part.querySelector('[data-o]:not([hidden])');
		}
		for (const list of $('.list')) {
			if (words.length || outcome === 'passed' || outcome === 'na') list.open = true;
		}
		for (const b of buttons) b.setAttribute('aria-pressed', String(b.dataset.f === outcome));
		status.textContent = words.length || outcome ? shown + ' of ' + all + ' results' : all + ' results';
		document.getElementById('nothing').hidden = items.some((item) => !item.hidden);
	}

	function remember() {
		const state = new URLSearchParams();
		if (outcome) state.set('outcome', outcome);
		if (search.value) state.set('q', search.value);
		history.replaceState(null, '', '#' + state);
		apply();
	}

	function open(failure) {
		for (let at = failure; at; at = at.parentElement) {
			if (at.tagName === 'DETAILS') at.open = true;
		}
	}

	// follow does what the address says: a filter, a failure, the failures of a
	// requirement in a column, or a requirement's row.
	function follow() {
		const hash = location.hash.slice(1);
		if (/^(outcome|q)=/.test(hash)) {
			const state = new URLSearchParams(hash);
			const wanted = state.get('outcome') || '';
			outcome = buttons.some((b) => b.dataset.f === wanted) ? wanted : '';
			search.value = state.get('q') || '';
			apply();
			return;
		}
		let id = hash;
		try {
			id = decodeURIComponent(hash);
		} catch {
			// An address that is no URI is taken as it stands.
		}
		const target = id && document.getElementById(id);
		if (!target) return;
		const failures = target.matches('.failure') ? [target] : $('.failure', target.matches('.group') ? target : document.createElement('p'));
		if ([target, ...failures].some((e) => e.hidden || e.closest('[hidden]'))) {
			outcome = search.value = '';
			apply();
		}
		if (failures.length) {
			open(failures[0]);
			failures[0].querySelector('summary').focus({preventScroll: true});
		}
		target.scrollIntoView();
	}

	function step(by) {
		const failures = $('.failure').filter((f) => !f.hidden && !f.closest('[hidden]'));
		if (!failures.length) return;
		const now = failures.findIndex((f) => f.contains(document.activeElement));
		const next = now < 0 ? (by > 0 ? 0 : failures.length - 1) : Math.min(Math.max(now + by, 0), failures.length - 1);
		failures[next].querySelector('summary').focus({preventScroll: true});
		failures[next].scrollIntoView({block: 'center'});
	}

	async function copy(button) {
		const command = button.parentElement.querySelector('pre');
		try {
			await navigator.clipboard.writeText(command.textContent);
			button.textContent = 'Copied';
		} catch {
			// Some browsers give a file no clipboard: the text is marked for the hand.
			getSelection().selectAllChildren(command);
			button.textContent = 'Marked: copy it';
		}
	}

	for (const b of buttons) {
		b.addEventListener('click', () => {
			outcome = b.dataset.f;
			remember();
		});
	}
	search.addEventListener('input', remember);
	addEventListener('hashchange', follow);
	addEventListener('beforeprint', () => $('.failure[data-o~=unexpected]').forEach(open));
	document.addEventListener('click', (e) => {
		const button = e.target.closest('button.copy');
		if (button) copy(button);
		// The same link once more changes no address.
		const link = e.target.closest('a[href^="#"]');
		if (link && link.hash === location.hash) follow();
	});
	document.addEventListener('keydown', (e) => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		if (e.key === 'Escape' && (outcome || search.value)) {
			outcome = search.value = '';
			search.blur();
			remember();
			return;
		}
		if (e.target.matches('input')) return;
		if (e.key === '/') search.focus();
		else if (e.key === 'j') step(1);
		else if (e.key === 'k') step(-1);
		else return;
		e.preventDefault();
	});

	apply();
	follow();
})();
