// MathJax typesets, then what is least needed is left out of a page until the page is not too full.
window.MathJax = {
  tex: { inlineMath: [['\\(', '\\)']], displayMath: [['\\[', '\\]']] },
  svg: { fontCache: 'none' },
  loader: { load: ['a11y/assistive-mml'] }, // beside each drawing the formula in MathML, for a screen reader
  options: { enableMenu: false, enableAssistiveMml: true },
  startup: { typeset: false },
};

const SMALLEST = 12; // px: 9 pt

function fitFormulas() {
  for (const formula of document.querySelectorAll('mjx-container')) {
    const size = parseFloat(getComputedStyle(formula).fontSize);
    const room = formula.parentElement.clientWidth, wide = formula.querySelector('svg').getBoundingClientRect().width;
    if (wide > room) formula.style.fontSize = Math.max(SMALLEST, Math.floor(size * room / wide)) + 'px';
  }
}

async function startHandout() {
  await MathJax.startup.promise;
  await MathJax.typesetPromise();
  fitFormulas();
  await Promise.all([...document.images].map(image => image.decode()));
  for (const page of document.querySelectorAll('.page')) {
    const spare = [...page.querySelectorAll('[data-spare]')].sort((a, b) => b.dataset.spare - a.dataset.spare);
    while (page.scrollHeight > page.clientHeight && spare.length) spare.shift().remove();
  }
  for (const empty of document.querySelectorAll('.section')) if (!empty.querySelector('[data-spare], p, li, pre, td')) empty.remove();
  document.querySelectorAll('[data-answer]').forEach((gap, place) => { gap.dataset.place = place + 1; });
  const answers = document.querySelector('.answers');
  if (answers) answers.textContent = 'Answers. ' + [...document.querySelectorAll('[data-answer]')].map(gap => `${gap.dataset.place}: ${gap.dataset.answer}`).join(' · ');
  window.handoutReady = true;
}
