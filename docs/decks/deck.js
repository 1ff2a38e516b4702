// MathJax typesets the slides while all of them are visible, then reveal.js starts, then the notes are typeset.
window.MathJax = {
  tex: { inlineMath: [['\\(', '\\)']], displayMath: [['\\[', '\\]']] },
  svg: { fontCache: 'none' }, // a formula stays whole when the speaker's window copies it
  loader: { load: ['a11y/assistive-mml'] }, // beside each drawing the formula in MathML, for a screen reader
  options: { enableMenu: false, enableAssistiveMml: true },
  startup: { typeset: false },
};

const SIZES = [42, 38, 34, 30, 28, 26, 24];

// How far down what stands on a slide reaches, its pictures left out.
function bottom(slide, pictures) {
  const parts = [...slide.children].filter(e => e.tagName !== 'ASIDE' && e !== pictures);
  return Math.max(...parts.map(e => e.getBoundingClientRect().bottom)) - slide.getBoundingClientRect().top;
}

// Whether something is wider than its slide.
function tooWide(slide) {
  return [...slide.querySelectorAll('p, li, pre, table, svg')].some(e => !e.closest('aside')
    && (e.getBoundingClientRect().right > slide.getBoundingClientRect().right - 58 || e.scrollWidth > e.clientWidth + 2 && e.tagName === 'PRE'));
}

// The largest size at which a slide is not full (text), or leaves the room for its pictures; never below 24 px.
function fit(slide) {
  const pictures = slide.querySelector('.figures'), beside = slide.classList.contains('beside');
  if (pictures) pictures.style.display = 'none';
  for (const size of pictures ? SIZES.filter(size => size <= 30) : SIZES) {
    slide.style.fontSize = size + 'px';
    const limit = beside ? 660 : pictures ? 330 : size > 30 ? 570 : 676;
    if (bottom(slide, pictures) <= limit && !tooWide(slide)) break;
  }
  if (!pictures) return;
  const words = slide.querySelector('.words');
  if (words) words.style.display = 'none';
  const top = bottom(slide, pictures);
  if (words) words.style.display = '';
  pictures.style.display = '';
  if (beside) pictures.style.top = top + 14 + 'px';
  fitPictures(pictures, 650 - top, beside ? 720 : 1152);
}

// Pictures take the width or the height that is left, and what is said about them follows right below.
function fitPictures(pictures, room, across) {
  const images = [...pictures.querySelectorAll('img')];
  const share = (across - 24 * (images.length - 1)) / images.length;
  for (const image of images) {
    const ratio = image.naturalHeight / image.naturalWidth, wide = Math.min(share, room / ratio, 2.2 * image.naturalWidth);
    image.style.width = Math.floor(wide) + 'px';
    image.style.height = Math.floor(wide * ratio) + 'px';
  }
}

async function startDeck() {
  const print = /print-pdf|view=print/.test(location.search);
  const deck = document.querySelector('.reveal');
  deck.classList.add('measuring');
  await MathJax.startup.promise;
  await MathJax.typesetPromise([...document.querySelectorAll('.slides section > :not(aside)')]);
  await Promise.all([...document.images].map(image => image.decode()));
  document.querySelectorAll('.slides > section:not(.title)').forEach(fit);
  deck.classList.remove('measuring');
  await Reveal.initialize({
    width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 4,
    center: false, hash: true, slideNumber: print ? false : 'c/t', transition: 'none', backgroundTransition: 'none',
    display: 'flex', pdfSeparateFragments: false, controls: !print, controlsTutorial: false, progress: true,
    totalTime: 60 * Number(document.querySelector('.slides').dataset.minutes) || null,
    plugins: [RevealNotes],
  });
  MathJax.typesetPromise([...document.querySelectorAll('aside.notes')]).then(() => { window.notesReady = true; });
  window.deckReady = true;
}
